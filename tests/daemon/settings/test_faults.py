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
        "campaign.experiments: must be a valid integer, got 'many'",
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
    "a feed behind something else than a valve": (
        ('pump = "pump-a"', 'pump = "pump-a"\nvalve = "bath"\nposition = 1'),
        "feeds.0.valve: 'bath' (huber-pilot-one) is not a valve",
    ),
    "a feed with a position and no valve": (
        ('pump = "pump-a"', 'pump = "pump-a"\nposition = 7'),
        "feeds.0.position: needs a valve",
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
        "campaign.options.n_inital: no option of 'bayes' (did you mean 'n_initial'?)",
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
    "no finite bound": (
        ("low = 30.0", "low = nan"),
        "campaign.factors.1.low: must be a finite number, got nan",
    ),
    "no finite limit": (
        ("limits.flow = [0.0, 5.0]", "limits.flow = [0.0, inf]"),
        "instruments.pump-a.limits.flow.1: must be a finite number, got inf",
    ),
    "limits that are no list": (
        ("limits.flow = [0.0, 5.0]", 'limits.flow = "5 mL/min"'),
        "instruments.pump-a.limits.flow: must be a list, [1, 2] or [[section]], got '5 mL/min'",
    ),
    "three limits": (
        ("limits.flow = [0.0, 5.0]", "limits.flow = [1, 2, 3]"),
        "instruments.pump-a.limits.flow: must have at most 2 entries, got 3: [1, 2, 3]",
    ),
    "a flow in bar": (
        ("limits.flow = [0.0, 5.0]", 'limits.flow = [0.0, "5 bar"]'),
        "instruments.pump-a.limits.flow: has the wrong dimension: '5 bar' cannot be converted to mL/min",
    ),
    "a number in quotes": (
        ("experiments = 40", 'experiments = "40"'),
        "campaign.experiments: must be a valid integer, got '40'",
    ),
    "true for a number": (
        ("volume_ml = 1.0\ninner", "volume_ml = true\ninner"),
        "reactor.volume_ml: must be a number or a string with a unit such as '1 mL', got True",
    ),
    "arithmetic for a unit": (
        ('back_pressure = "7 bar"', 'back_pressure = "7 9**9**9*bar"'),
        "reactor.back_pressure: is not a number with a unit, such as '1 bar': got '7 9**9**9*bar'",
    ),
    "a number beyond all numbers": (
        ('back_pressure = "7 bar"', 'back_pressure = "1e999 bar"'),
        "reactor.back_pressure: must be a finite number, got '1e999 bar'",
    ),
    "a table for a list": (
        ("[[interlocks]]", "[interlocks]"),
        "interlocks: must be a list, [1, 2] or [[section]], got {",
    ),
    "a list for a table": (
        ("[reactor]", "[[reactor]]"),
        "reactor: must be a table, [section] or { key = value }, got [{",
    ),
    "a key that would break the line": (
        ('name = "flow-1"', 'name = "flow-1"\n"a\\nb" = 1'),
        "'a\\nb': unknown key",
    ),
    "discrete values in letters": (
        ("low = 30.0\nhigh = 120.0", 'kind = "discrete"\nvalues = ["a"]'),
        "campaign.factors.1.values.0: must be a valid number, got 'a'",
    ),
    "discrete values beyond the thermostat": (
        ("low = 30.0\nhigh = 120.0", 'kind = "discrete"\nvalues = [30.0, 500.0]'),
        "campaign.factors.1.values.1: 500 degC is beyond the limits of bath.setpoint, [0, 140] degC",
    ),
    "discrete values twice": (
        ("low = 30.0\nhigh = 120.0", 'kind = "discrete"\nvalues = [30.0, 30.0]'),
        "campaign.factors.1.values: ",
    ),
    "values of a continuous factor": (
        ("low = 30.0\nhigh = 120.0", "low = 30.0\nhigh = 120.0\nvalues = [1.0]"),
        "campaign.factors.1.values: belong to kind 'discrete', got kind 'continuous'",
    ),
    "no time at all": (
        ("low = 0.5", "low = 0.0"),
        "campaign.factors.0.low: must be greater than 0 min, got 0",
    ),
    "negative equivalents": (
        ("low = 1.0", "low = -1.0"),
        "campaign.factors.3.low: must be at least 0, got -1",
    ),
    "the logarithm of nothing": (
        ("low = 30.0\nhigh = 120.0", 'low = 0.0\nhigh = 120.0\ntransform = "log"'),
        "campaign.factors.1.low: must be > 0 with transform 'log', got 0.0",
    ),
    "a fixed condition in the wrong unit": (
        ("experiments = 40", 'experiments = 40\nfixed = { temperature = "5 bar" }'),
        "campaign.fixed.temperature: has the wrong dimension",
    ),
    "a constraint on an unknown factor": (
        (
            "experiments = 40",
            'experiments = 40\nconstraints = [{ kind = "linear", terms = { temprature = 1.0 }, at_most = 3.0 }]',
        ),
        "campaign.constraints.0.terms.temprature: is no numeric factor or component",
    ),
    "a constraint that never holds": (
        (
            "experiments = 40",
            'experiments = 40\nconstraints = [{ kind = "linear", terms = { temperature = 1.0 }, at_most = 3.0 }]',
        ),
        "campaign.constraints.0.at_most: can never hold",
    ),
    "one objective twice": (
        (
            'goal = "maximise" ',
            'goal = "maximise"\n[[campaign.objectives]]\nresponse = "space_time_yield"\n',
        ),
        "campaign.objectives.1.name: 'space_time_yield' is used twice",
    ),
    "a stop without a rule": (
        ("experiments = 40", "experiments = 40\nstop = { least = 5, probability = 0.9 }"),
        "campaign.stop: never stops: give at least one of regret_below, no_improvement, reached",
    ),
    "a planner that is no program": (
        ('planner = "bayes"', 'planner = { command = ["/nowhere/planner"] }'),
        "campaign.planner.command.0: no program '/nowhere/planner' that can be started",
    ),
    "a planner's command in one string": (
        ('planner = "bayes"', 'planner = { command = "python planner.py" }'),
        "campaign.planner.command: must be a list",
    ),
    "options for a program": (
        ('planner = "bayes"', 'planner = { command = ["/bin/cat"] }\noptions = { x = 1 }'),
        "campaign.options: belong to an installed planner; give a program arguments",
    ),
    "a planner's option of the wrong type": (
        ('planner = "bayes"', 'planner = "bayes"\noptions = { n_initial = "many" }'),
        "campaign.options.n_initial: must be a whole number or none, got 'many'",
    ),
    "a response of an unknown species": (
        (
            '[[responses]]\nname = "space_time_yield"',
            '[[responses]]\nname = "space_time_yield"\nspecies = "orto"',
        ),
        "responses.0.species: unknown species 'orto'; did you mean 'ortho'?",
    ),
    "a product that is fed": (
        ('product = "ortho"', 'product = "dfnb"'),
        "chemistry.product: must not be the limiting species, got 'dfnb'",
    ),
    "two analysers at one socket": (
        (
            "[instruments.nmr]",
            '[instruments.nmr2]\ndriver = "magritek-spinsolve"\nport = "socket://192.168.10.40:013000"\n[instruments.nmr]',
        ),
        "instruments.nmr.address: nmr and nmr2 share port 'socket://192.168.10.40:13000'; give each its own port",
    ),
    "an interlock without a number": (
        ('signal = "pump-a.pressure"', 'signal = "bath.running"'),
        "interlocks.0.above: bath.running is no number (bool)",
    ),
    "an interlock that always acts": (
        ("above = 20.0", "above = 20.0\nbelow = 30.0"),
        "interlocks.0.below: every value is above 20.0 or below 30.0",
    ),
    "an interlock of apples and pears": (
        ("above = 20.0", 'disagrees_with = "bath.temperature"\nby = 3.0'),
        "interlocks.0.disagrees_with: bath.temperature is in degC, pump-a.pressure in bar",
    ),
    "a flow deficit of a pressure": (
        ("above = 20.0", "flow_deficit = 0.5"),
        "interlocks.0.flow_deficit: needs a flow as its signal, got 'pump-a.pressure'",
    ),
    "a flow deficit of a meter that nobody commands": (
        (
            "[[interlocks]]",
            '[instruments.meter]\ndriver = "sensirion-slf3s"\nport = "/dev/ttyUSB9"\n'
            '[[interlocks]]\nname = "m"\nsignal = "meter.flow"\nflow_deficit = 0.5\n'
            "[[interlocks]]",
        ),
        "interlocks.0.flow_of: meter.flow only measures;"
        ' name whose flow it is, such as flow_of = ["pump-a.flow"]',
    ),
    "a meter compared with a pressure": (
        ("above = 20.0", 'flow_deficit = 0.5\nflow_of = ["pump-a.pressure"]'),
        "interlocks.0.flow_of.0: pump-a.pressure is no flow that is commanded",
    ),
    "a meter compared with a pump that is not there": (
        ("above = 20.0", 'flow_deficit = 0.5\nflow_of = ["pump-x.flow"]'),
        "interlocks.0.flow_of.0: no instrument 'pump-x' for signal 'pump-x.flow'",
    ),
    "pumps of no deficit": (
        ("above = 20.0", 'above = 20.0\nflow_of = ["pump-a.flow"]'),
        "interlocks.0.flow_of: needs flow_deficit beside it",
    ),
    "a prefix with wildcards": (
        ('host = "localhost"', 'host = "localhost"\nprefix = "a/#"'),
        "mqtt.prefix: must match ",
    ),
    "a tube of no width": (
        ("inner_diameter_mm = 0.8", "inner_diameter_mm = 1e-200"),
        "reactor.inner_diameter_mm: must lie between 0.01 and 100 mm, got 1e-200",
    ),
    "a peak upside down": (
        ('instrument = "nmr"', 'instrument = "nmr"\npeaks = { ortho = { low = 7.0, high = 6.0 } }'),
        "analysis.peaks.ortho.low: must be less than high, got [7, 6]",
    ),
    "a mass balance upside down": (
        ('instrument = "nmr"', 'instrument = "nmr"\nmass_balance = [2.0, 1.0]'),
        "analysis.mass_balance: must be [low, high]",
    ),
    "a simulated fault of nothing": (
        ("# seed = 0", 'faults = [{ kind = "silent", at = 3.0 }]'),
        "simulation.faults.0.instrument: is missing: 'silent' happens to one instrument",
    ),
    "a bath that stalls": (
        ("# seed = 0", 'faults = [{ kind = "stall", at = 3.0, instrument = "bath" }]'),
        "simulation.faults.0.instrument: 'stall' happens to a pump, got 'bath'",
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


def test_a_fault_is_said_once(faults_of):
    assert faults_of(("low = 30.0", "low = inf")) == [
        "campaign.factors.1.low: must be a finite number, got inf"
    ]
    assert len(faults_of(('planner = "bayes"', "planner = { command = [] }"))) == 1
    assert len(faults_of(("volume_ml = 1.0\ninner", "volume_ml = -1.0\ninner"))) == 1
    assert len(faults_of(('product = "ortho"', 'product = "orto"'))) == 1


@pytest.mark.parametrize(("old", "new"), [("\n", "\r\n"), ('name = "flow-1"', '\ufeffname = "x"')])
def test_what_editors_of_other_systems_write_is_read(tmp_path, old, new):
    path = tmp_path / "rig.toml"
    text = EXAMPLE[EXAMPLE.index('name = "flow-1"') :].replace(old, new)
    path.write_bytes(text.encode())
    assert load(path).instruments


def test_a_missing_section_is_named(faults_of):
    faults = faults_of(('[analysis]\ninstrument = "nmr"', ""))
    assert any(fault.startswith("analysis: is missing") for fault in faults)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name = ", "is not valid TOML"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"", "name: is missing"),
        (b"a = " + b"[" * 5000, "is not valid TOML: brackets within brackets"),
        (b"a = 1\na = 2", "is not valid TOML"),
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


SELECTOR = """[instruments.v]
driver = "vici-actuator"
port = "/dev/ttyUSB5"
positions = 6

[instruments.nmr]"""


@pytest.mark.parametrize(
    ("position", "found"),
    [
        ("", ["feeds.0.position: is missing: the position of v that lets the feed through"]),
        ("position = 7", ["feeds.0.position: v has no position 7, its limits are [1, 6]"]),
        ("position = 6", []),
    ],
)
def test_a_feed_behind_a_valve_names_a_position_that_it_has(faults_of, position, found):
    behind = f'pump = "pump-a"\nvalve = "v"\n{position}'
    assert faults_of(("[instruments.nmr]", SELECTOR), ('pump = "pump-a"', behind)) == found


def test_keys_of_other_planning_tools_are_told_ours(faults_of):
    found = faults_of(
        ('name = "temperature"\nlow = 30.0', 'name = "temperature"\ntype = "range"\nmin = 30.0'),
        ('goal = "maximise"', 'mode = "max"'),
    )
    assert [fault.removeprefix("campaign.") for fault in found] == [
        "factors.1.type: unknown key; write 'kind'",
        "factors.1.min: unknown key; write 'low'",
        "objectives.0.mode: unknown key; write 'goal'",
    ]


def test_points_that_nobody_could_approve_are_a_fault(faults_of):
    approve = ("experiments = 40", "experiments = 40\napprove = true")
    assert faults_of(approve) == []
    (fault,) = faults_of(approve, ('[mqtt]\nhost = "localhost"\n', ""))
    assert fault.startswith("campaign.approve: nobody can approve a point without a broker")
