"""Every fault of a description is said at once, with its place, what was given and what is allowed."""

import pytest

from daemon.described import description_faults
from drivers.described.load import SHIPPED, BadDescription, described
from drivers.registry import driver_class

GOOD = """
title = "Thing"
source = "made up"
identity = "who"
role.kind = "thermostat"
safe = [{ running = false }]
framing.reply_end = "\\r\\n"
errors = [{ reply = "E{_code}", when = "any" }]
examples = [
  { send = "T", reply = "T23.75", gives = { temperature = 23.75 } },
  { send = "S 50.0", reply = "OK", sets = { setpoint = 50.0 } },
  { send = "X", reply = "E0", error = "rejected" },
]
[fields]
temperature = { unit = "degC" }
setpoint = { unit = "degC", limits = [0, 100] }
running = { type = "bool" }
_code = { type = "int" }
_name = { type = "text", like = "THING .+", start = "THING 1" }
[exchanges]
who = { send = "WHO", reply = "{_name}" }
temperature = { send = "T", reply = "T{temperature:0.00}" }
setpoint = { send = "S", reply = "S{setpoint:0.0}" }
set_setpoint = { send = "S {setpoint:0.0}", reply = "OK" }
running = { send = "R", reply = "R{running}" }
set_running = { send = "R {running}", reply = "OK" }
"""

FAULTS = [  # what is changed, and what must be said
    ("title =", "titel =", "titel: unknown key; did you mean 'title'?"),
    ("title =", "titel =", "title: is missing"),
    ('type = "bool"', 'type = "boole"', "fields.running.type: must be"),
    ('unit = "degC" }', 'unit = "degC", pol_s = 1 }', "fields.temperature.pol_s: unknown key; did you mean 'poll_s'?"),
    ('reply_end = "\\\\r\\\\n"', "fixed = 4\nframing.silence_s = 1.0", "framing: exactly one of reply_end, prompt, length, fixed, silence_s, document says where a reply ends, got fixed, silence_s"),
    ('reply_end = "\\\\r\\\\n"', "length = { at = 3 }", "framing.length.at: must follow reply_start (0 bytes), got 3"),
    ("framing.reply_end", 'checksum = { kind = "sum8", form = "binary" }\nframing.reply_end', "checksum.form: a binary checksum may hold the end mark"),
    ("{temperature:0.00}", "{temperature:0,00}", "exchanges.temperature.reply: '0,00' is no picture of a number"),
    ("{temperature:0.00}", "{temperature", "exchanges.temperature.reply: 'T{temperature' has a brace that is no value"),
    ("{temperature:0.00}", "{temp:0.00}", "exchanges.temperature.reply: 'temp' is not among the fields"),
    ('"R{running}"', '"R{running:0}"', "exchanges.running.reply: {running} is no number and has no picture, got '0'"),
    ('limits = [0, 100]', "limits = [100, 0]", "fields.setpoint.limits: low must not exceed high, got [100.0, 0.0]"),
    ('limits = [0, 100]', 'wire_unit = "psi"', "fields.setpoint.wire_unit: 'psi' cannot be converted to 'degC'"),
    ('limits = [0, 100]', "bits = { a = 1 }", "fields.setpoint.bits: are of a field of type 'int', got 'float'"),
    ('limits = [0, 100]', "at = 5", "fields.setpoint.at: is for Modbus instruments; there is no [modbus] section"),
    ('limits = [0, 100]', 'start = "hot"', "fields.setpoint.start: must be of type float, got 'hot'"),
    ('like = "THING .+"', 'like = "THING ("', "fields._name.like: is no regular expression"),
    ('like = "THING .+", ', "", "identity: the reply '{_name}' could be to anything (it fits"),
    ('identity = "who"', "", "identity: is missing: a query whose reply cannot be mistaken"),
    ('identity = "who"', 'identity = "whom"', "identity: no exchange is called 'whom'; there are who, temperature"),
    ('identity = "who"', 'identity = "set_setpoint"', "identity: must name a query, got 'set_setpoint'"),
    ("safe = [{ running = false }]", "", "safe: is missing: what stops this thermostat?"),
    ("safe = [{ running = false }]", 'safe = ["halt"]', "safe.0: no exchange is called 'halt'; there are who"),
    ("safe = [{ running = false }]", 'safe = ["set_setpoint"]', "safe.0: 'set_setpoint' carries a value; write { field = value }"),
    ("safe = [{ running = false }]", "safe = [{ temperature = 20.0 }]", "safe.0.temperature: nothing writes it"),
    ('temperature = { unit = "degC" }', 'temperature = { unit = "K" }', "fields.temperature.unit: must be 'degC' (a wire_unit is converted), got 'K'"),
    ("[fields]", '[role]\nkind = "pump"\n[fields]', "(file): is not valid TOML"),
    ('role.kind = "thermostat"', 'role.kind = "pump"', "role.flow: a pump needs it; 'flow' is not among the fields"),
    ('role.kind = "thermostat"', 'role.kind = "valve"', "role.position: a valve needs it"),
    ('set_setpoint = { send = "S {setpoint:0.0}", reply = "OK" }', "", "role.setpoint: nothing writes 'setpoint'"),
    ('running = { send = "R", reply', 'running = { send = "T", reply', "exchanges.running.send: is unreachable: 'T' fits exchanges.temperature ('T'), too"),
    ('"R {running}", reply = "OK" }', '"R {running}", reply = "OK" }\nname = { send = "{_any}", reply = "OK" }\n[fields._any]\ntype = "text"\nstart = "me"', "exchanges.name.send: is ambiguous: 'WHO' fits exchanges.who ('WHO'), too"),
    ('reply = "E{_code}"', 'reply = "T{_code}"', "errors.0.reply: is ambiguous: 'T0' is also a reply of exchanges.temperature"),
    ('errors = [', 'errors = [{ reply = "E{_code}" }, ', "errors.1.reply: is unreachable: errors.0 fits all of it, e.g. 'E0'"),
    ('errors = [', 'unsolicited = [{ line = "T{_code}" }]\nerrors = [', "unsolicited.0.line: is ambiguous: 'T0' is also a reply of exchanges.temperature"),
    ("[fields]", "[fields]\nspare = {}", "fields.spare: is unreachable: no exchange carries it"),
    ("[fields]", "[fields]\npoll = {}", "fields.poll: is the name of something else in drivers; take another"),
    ("[exchanges]", '[exchanges]\nnop = { send = "NOP", reply = "OK" }', "exchanges.nop: is unreachable: it carries no field, and nothing names it"),
    ("[exchanges]", '[exchanges]\ngo = { send = "GO", sets = { speed = 1 } }', "exchanges.go.sets.speed: is not among the fields"),
    ("[exchanges]", '[exchanges]\ngo = { send = "GO", sets = { running = 1 } }', "exchanges.go.sets.running: must be of type bool, got 1"),
    ('set_running = { send = "R {running}", reply = "OK" }', 'go = { send = "GO", sets = { running = true } }', "fields.running: no exchange sets it to false (exchanges.….sets)"),
    ("[exchanges]", '[exchanges]\nboth = { send = "B {setpoint:0} {_code}" }', "exchanges.both.send: carries several values, and nothing reads '_code'"),
    ("errors = [", 'alarms = [{ field = "hot", above = 1 }]\nerrors = [', "alarms.0.field: 'hot' is not among the fields"),
    ("errors = [", 'alarms = [{ field = "running" }]\nerrors = [', "alarms.0: needs one of like, equals, above, below"),
    ("errors = [", 'watchdog = { field = "dog", default = 9, range = [5, 60] }\nerrors = [', "watchdog.field: 'dog' is not among the fields"),
    ("errors = [", 'options.a = { default = "x", choices = { y = {} } }\nerrors = [', "options.a.default: 'x' is no choice; there are y"),
    ("errors = [", 'options.a = { default = "x", choices = { x = {}, y = { fields = { setpoint = { limit = 1 } } } } }\nerrors = [', "options.a.choices.y.fields.setpoint.limit: Extra inputs are not permitted"),
    # the examples
    ('reply = "T23.75"', 'reply = "T23.7"', "examples.0.gives.temperature: the driver reads 23.7, not 23.75"),
    ('reply = "T23.75"', 'reply = "23.75"', "examples.0.reply: b'23.75' is not understood; expected 'T{temperature:0.00}'"),
    ('send = "T", reply = "T23', 'send = "TT", reply = "T23', "examples.0.send: no exchange sends 'TT'"),
    ('send = "S 50.0", reply', 'send = "S 50", reply', "examples.1.send: the driver sends 'S 50.0', the example has 'S 50'"),
    ("sets = { setpoint = 50.0 }", "sets = { setpoint = 51.0 }", "examples.1.send: the driver sends 'S 51.0', the example has 'S 50.0'"),
    (', sets = { setpoint = 50.0 }', "", "examples.1.sets: is missing: what does 'S 50.0' set 'setpoint' to?"),
    (', error = "rejected"', "", "examples.2.send: no exchange sends 'X'"),
    ('error = "rejected"', 'error = "fault"', "examples.2.reply: is the fault CommandRejected, not 'fault'"),
    ('error = "rejected"', 'error = "oops"', "examples.2.error: must be one of rejected, fault, busy, no-value, got 'oops'"),
    ('send = "X", reply = "E0"', 'send = "X", reply = "E1"', "examples.2.reply: the simulated instrument answers b'E0\\r\\n', not b'E1\\r\\n'"),
    ("gives = { temperature = 23.75 }", "gives = { temperatur = 23.75 }", "examples.0: temperatur: not among the fields"),
    ("gives = { temperature = 23.75 }", "gives = { temperature = 23.75 }, options = { head = 1 }", "examples.0.options.head: Extra inputs are not permitted"),
    ("gives = { temperature = 23.75 }", "gives = { temperature = 23.75 }, hex = true", "examples.0.send: is no frame in hexadecimal"),
]  # fmt: skip


def faults(tmp_path, text):
    path = tmp_path / "thing.toml"
    path.write_text(text, encoding="utf-8")
    return description_faults(path)


def test_the_good_one_has_no_fault(tmp_path):
    assert faults(tmp_path, GOOD) == []


@pytest.mark.parametrize(("good", "bad", "said"), FAULTS, ids=[said[:60] for _, _, said in FAULTS])
def test_a_mistake_is_said_where_it_is(good, bad, said, tmp_path):
    good = good.replace("\\\\", "\\")
    assert good in GOOD
    found = faults(tmp_path, GOOD.replace(good, bad, 1))
    assert [fault for fault in found if fault.startswith(said)], found


def test_all_faults_are_said_at_once(tmp_path):
    text = GOOD.replace("{temperature:0.00}", "{temp}").replace("[0, 100]", "[100, 0]")
    assert len(faults(tmp_path, text)) == 2


def test_a_file_that_cannot_be_read_is_a_fault_of_the_file(tmp_path):
    path = tmp_path / "none.toml"
    assert description_faults(path) == ["(file): cannot be read: No such file or directory"]
    path.write_bytes(b"\xff\xfe")
    assert description_faults(path) == ["(file): is not UTF-8 text (byte 0)"]
    path.write_text("a = [")
    assert description_faults(path)[0].startswith("(file): is not valid TOML")
    path.write_text("#" * (1 << 18 | 1))
    assert description_faults(path)[0].startswith("(file): is 262145 bytes")


def test_the_registry_refuses_a_faulty_file_with_all_its_faults(tmp_path):
    path = tmp_path / "thing.toml"
    path.write_text(GOOD.replace("{temperature:0.00}", "{temp}"))
    with pytest.raises(BadDescription, match=r"thing.toml: exchanges.temperature.reply: 'temp'"):
        driver_class(str(path))
    path.write_text(GOOD.replace("title", "titel"))
    with pytest.raises(BadDescription, match="title: Field required"):
        driver_class(str(path))


def test_the_same_file_is_the_same_class_and_a_changed_one_another(tmp_path):
    path = tmp_path / "thing.toml"
    path.write_text(GOOD)
    first = described(path)
    assert described(path) is first
    path.write_text(GOOD.replace("made up", "made up anew"))
    assert described(path) is not first


MAP = """
title = "Map"
source = "made up"
modbus = {}
examples = [
  { hex = true, send = "01 03 00 04 00 01 C5 CB", reply = "01 03 02 00 EB F8 0B", gives = { level = 23.5 } },
]
[fields]
level = { at = 4, scale = 0.1 }
set = { at = 9, limits = [0, 9], writable = true }
"""

MAP_FAULTS = [
    ("at = 4, ", "", "fields.level.at: is missing: the register, counted from 0"),
    ("at = 4, ", 'at = 4, type = "text", ', "fields.level.type: registers hold numbers; a text needs an enum"),
    ("modbus = {}", "modbus.functions = [3]", "fields.set.write_function: 6 is not among modbus.functions (3)"),
    ("[fields]", '[exchanges]\nx = { send = "X" }\n[fields]', "exchanges: a Modbus instrument has none"),
    ("gives = { level = 23.5 }", "gives = { level = 2.35 }", "examples.0.gives.level: the driver reads 23.5, not 2.35"),
    ("gives = { level = 23.5 }", "gives = { set = 235.0 }", "examples.0.send: to read set the driver sends 01 03 00 09 00 01"),
    ("00 EB F8 0B", "00 EC 00 00", "examples.0.reply: is no whole frame with a right CRC"),
    ("01 03 00 04 00 01 C5 CB", "01 03 00 04", "examples.0.send: 01 03 00 04 is no request"),
    ("01 03 00 04 00 01 C5 CB", "READ", "examples.0.send: frames of registers are hexadecimal"),
    ("gives = { level = 23.5 }", 'gives = { level = 23.5 }, error = "rejected"', "examples.0.reply: is no exception, expected 'rejected'"),
    ("modbus = {}", 'modbus = {}\nidentity = "who"', "identity: 'who' is not among the fields"),
]  # fmt: skip


def test_the_good_map_has_no_fault(tmp_path):
    assert faults(tmp_path, MAP) == []


@pytest.mark.parametrize(
    ("good", "bad", "said"), MAP_FAULTS, ids=[s[:60] for _, _, s in MAP_FAULTS]
)
def test_a_mistake_in_a_register_map_is_said_where_it_is(good, bad, said, tmp_path):
    assert good in MAP
    found = faults(tmp_path, MAP.replace(good, bad, 1))
    assert [fault for fault in found if fault.startswith(said)], found


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda p: p.stem)
def test_what_comes_with_taylord_is_free_of_faults_and_has_examples(path):
    assert description_faults(path) == []
    assert path.read_text(encoding="utf-8").count("send = ") > 10 or "modbus" in path.read_text()
