"""Every kind of broken configuration is one line with the key's path, all of them at once."""

from pathlib import Path

import pytest

from daemon.errors import ConfigError
from daemon.settings.load import load

EXAMPLE = (Path(__file__).parents[3] / "config" / "flow.toml").read_text()


@pytest.fixture
def faults_of(tmp_path):
    """Return the faults of the example after some replacements, without the file name."""

    def faults(*changes: tuple[str, str], more: str = "") -> list[str]:
        text = EXAMPLE
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / "rig.toml"
        path.write_text(text + more)
        try:
            load(path)
        except ConfigError as error:
            found = error.faults
        else:
            return []
        assert all(fault.startswith(f"{path}: ") for fault in found)
        assert not any("\n" in fault for fault in found)
        return [fault.removeprefix(f"{path}: ") for fault in found]

    return faults


def test_the_example_has_no_fault(faults_of):
    assert faults_of() == []


CASES = {
    "unknown key": (
        ("volume_ml = 1.0", "volume_ml = 1.0\nvolme = 2"),
        "reactor.volme: unknown key; did you mean 'volume_ml'?",
    ),
    "unknown key in a list": (
        ('pump = "pump-a"', 'pump = "pump-a"\ndead_volum_ml = 0.1'),
        "feeds.0.dead_volum_ml: unknown key; did you mean 'dead_volume_ml'?",
    ),
    "unknown section": (
        ('host = "localhost"', 'host = "localhost"\n[reactr]\nx = 1'),
        "reactr: unknown key; did you mean 'reactor'?",
    ),
    "wrong type": (
        ("experiments = 40", 'experiments = "many"'),
        "campaign.experiments: must be a valid integer, unable to parse string as an integer, got 'many'",
    ),
    "missing key": (('thermostat = "bath"', ""), "reactor.thermostat: is missing"),
    "wrong unit": (
        ('back_pressure = "7 bar"', 'back_pressure = "7 mL"'),
        "reactor.back_pressure: has the wrong dimension: '7 mL' cannot be converted to bar",
    ),
    "not a unit": (
        ('back_pressure = "7 bar"', 'back_pressure = "7 barr"'),
        "reactor.back_pressure: is not a number with a unit, such as '1 bar': got '7 barr'",
    ),
    "unknown driver": (
        ('driver = "huber-pilot-one"', 'driver = "huber-pilot"'),
        "instruments.bath.driver: unknown driver 'huber-pilot'; did you mean 'huber-pilot-one'?",
    ),
    "unknown option": (
        ("address = 1", "address = 1\nsyrige = 3"),
        "instruments.pump-b.syrige: unknown key; did you mean 'syringe'?",
    ),
    "unknown key beside the options": (
        ("limits.setpoint = [0.0, 140.0]", "limit.setpoint = [0.0, 140.0]"),
        "instruments.bath.limit: unknown key; did you mean 'limits'?",
    ),
    "unknown key below an option": (
        ("diameter_mm = 26.59", "diameter_m = 26.59"),
        "instruments.pump-b.syringe.diameter_m: unknown key; did you mean 'diameter_mm'?",
    ),
    "wrong option": (
        ("diameter_mm = 26.59", "diameter_mm = -1"),
        "instruments.pump-b.syringe.diameter_mm: ",
    ),
    "unknown signal in limits": (
        ("limits.setpoint", "limits.setpont"),
        "instruments.bath.limits.setpont: huber-pilot-one has no signal 'setpont'; did you mean 'setpoint'?",
    ),
    "limits upside down": (
        ("limits.setpoint = [0.0, 140.0]", "limits.setpoint = [140.0, 0.0]"),
        "instruments.bath.limits.setpoint: low must not exceed high, got [140.0, 0.0] degC",
    ),
    "port without a host": (
        ("socket://192.168.10.30:8101", "socket://8101"),
        "instruments.bath.port: must be socket://HOST:PORT with a port of 1 to 65535, got 'socket://8101'",
    ),
    "unknown scheme": (
        ("socket://192.168.10.30:8101", "tcp://h:1"),
        "instruments.bath.port: unknown scheme 'tcp'; known: socket://, rfc2217://, modbus-tcp://",
    ),
    "two instruments on one address": (
        ("socket://192.168.10.22:10001", "socket://192.168.10.21:10001"),
        "instruments.pump-c.address: pump-c and pump-a share port 'socket://192.168.10.21:10001'",
    ),
    "two feeds on one pump": (
        ('name = "amine"\npump = "pump-b"', 'name = "amine"\npump = "pump-a"'),
        "feeds.1.pump: 'pump-a' already delivers feed 'substrate'; one pump, one feed",
    ),
    "a pump that is none": (
        ('name = "amine"\npump = "pump-b"', 'name = "amine"\npump = "bath"'),
        "feeds.1.pump: 'bath' (huber-pilot-one) is not a pump",
    ),
    "an unknown pump": (
        ('name = "amine"\npump = "pump-b"', 'name = "amine"\npump = "pump-d"'),
        "feeds.1.pump: no instrument is called 'pump-d'; did you mean 'pump-",
    ),
    "an unknown thermostat": (
        ('thermostat = "bath"', 'thermostat = "bathe"'),
        "reactor.thermostat: no instrument is called 'bathe'; did you mean 'bath'?",
    ),
    "limiting species not fed": (
        ('limiting = "dfnb"', 'limiting = "dfbn"'),
        "chemistry.limiting: no feed contains 'dfbn'; did you mean 'dfnb'?",
    ),
    "unknown product": (
        ('product = "ortho"', 'product = "orto"'),
        "chemistry.product: unknown species 'orto'; did you mean 'ortho'?",
    ),
    "unknown response": (
        ('name = "space_time_yield"', 'name = "space_time_yeild"'),
        "responses.0.name: unknown response 'space_time_yeild'; did you mean 'space_time_yield'?",
    ),
    "unknown planner": (
        ('planner = "bayes"', 'planner = "bays"'),
        "campaign.planner: unknown planner 'bays'; did you mean 'bayes'?",
    ),
    "unknown planner option": (
        ('planner = "bayes"', 'planner = "bayes"\noptions = { n_inital = 3 }'),
        "campaign.options.n_inital: unknown key",
    ),
    "unknown condition": (
        ('name = "temperature"\nlow', 'name = "temprature"\nlow'),
        "campaign.factors.1.name: this rig has no condition 'temprature'; did you mean 'temperature'?",
    ),
    "factor upside down": (
        ("low = 30.0\nhigh = 120.0", "low = 120.0\nhigh = 30.0"),
        "campaign.factors.1.low: must be less than high, got [120, 30]",
    ),
    "factor in the wrong unit": (
        ("low = 30.0\nhigh = 120.0", 'low = "30 bar"\nhigh = 120.0'),
        "campaign.factors.1: has the wrong dimension: '30 bar' cannot be converted to degC",
    ),
    "a condition nobody sets": (
        ('[[campaign.factors]]\nname = "equivalents.pyrrolidine"\nlow = 1.0\nhigh = 5.0\n', ""),
        "campaign.factors: nothing sets equivalents.pyrrolidine; make each a factor or give it",
    ),
    "objective without response": (
        ('response = "space_time_yield"', 'response = "yield"'),
        "campaign.objectives.0.response: no response is called 'yield'",
    ),
    "target without bounds": (
        ('goal = "maximise" ', 'goal = "target" '),
        "campaign.objectives.0: goal 'target' needs low < high, got low None and high None",
    ),
    "interlock on an unknown signal": (
        ('signal = "pump-a.pressure"', 'signal = "pump-a.presure"'),
        "interlocks.0.signal: pump-a has no signal 'presure'; did you mean 'pressure'?",
    ),
    "interlock on an unknown instrument": (
        ('signal = "pump-a.pressure"', 'signal = "pump-d.pressure"'),
        "interlocks.0.signal: no instrument 'pump-d' for signal 'pump-d.pressure'",
    ),
    "interlock that never acts": (
        ("above = 20.0", ""),
        "interlocks.0: never acts: give at least one of above, below",
    ),
    "interlock in the wrong unit": (
        ("above = 20.0", 'above = "20 degC"'),
        "interlocks.0.above: has the wrong dimension: '20 degC' cannot be converted to bar",
    ),
    "unknown chemistry": (
        ('chemistry = "snar-hone-2017"', 'chemistry = "snar"'),
        "simulation.chemistry: unknown chemistry 'snar'",
    ),
    "species the chemistry does not know": (
        ("solutes = { pyrrolidine = 4.2 }", "solutes = { pyrolidine = 4.2 }"),
        "feeds.1.solutes.pyrolidine: chemistry 'snar-hone-2017' has no such species; did you mean 'pyrrolidine'?",
    ),
    "unreadable secret": (
        ('host = "localhost"', 'host = "localhost"\nusername = "u"\npassword_file = "/nowhere"'),
        "mqtt.password_file: no such file, got '/nowhere'",
    ),
    "temperature beyond the thermostat": (
        ("limits.setpoint = [0.0, 140.0]", "limits.setpoint = [0.0, 100.0]"),
        "campaign.factors.1.high: 120 degC is beyond the limits of bath.setpoint, [0, 100] degC",
    ),
    "unreachable flow": (
        ("volume_ml = 1.0\ninner", "volume_ml = 100.0\ninner"),
        "campaign.factors: unreachable flow: no point of the box can be run; ",
    ),
}


@pytest.mark.parametrize(("change", "expected"), CASES.values(), ids=CASES)
def test_a_fault_is_named_with_its_path(faults_of, change, expected):
    faults = faults_of(change)
    assert any(fault.startswith(expected) for fault in faults), faults


def test_all_faults_come_at_once_also_across_sections(faults_of):
    faults = faults_of(
        ("volume_ml = 1.0\ninner", 'volume_ml = "x"\ninner'),
        ('name = "amine"\npump = "pump-b"', 'name = "amine"\npump = "pump-z"'),
        ('driver = "huber-pilot-one"', 'driver = "hubert"'),
        ('signal = "pump-a.pressure"', 'signal = "pump-a.presure"'),
    )
    paths = [fault.partition(": ")[0] for fault in faults]
    assert paths == [
        "reactor.volume_ml",
        "instruments.bath.driver",
        "feeds.1.pump",
        "interlocks.0.signal",
    ]


def test_a_missing_section_is_named(faults_of):
    faults = faults_of(('[analysis]\ninstrument = "nmr"', ""))
    assert any(fault.startswith("analysis: is missing") for fault in faults)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name = ", "is not valid TOML"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"", "name: is missing"),
        (b"#" * (1 << 21), "a configuration has at most"),
    ],
)
def test_a_file_that_cannot_be_a_configuration_says_why(tmp_path, content, expected):
    path = tmp_path / "rig.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=expected):
        load(path)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read: No such file"):
        load(tmp_path / "nowhere.toml")


def test_a_directory_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
