import math

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemon.safety.interlocks import Interlocks
from daemon.safety.rows import Row
from tests.daemon.safety.scripted import bad, good


def raised(changes):
    return [(c.row.name, c.action) for c in changes if c.violation is not None]


def returned(changes):
    return [c.row.name for c in changes if c.violation is None]


def test_a_violation_is_raised_once_and_returns_once():
    table = Interlocks([Row("line", "p", above=20.0)], 0.0)
    assert table.readings([good("p", 5.0, 1.0)]) == []
    assert raised(table.readings([good("p", 21.0, 2.0)])) == [("line", "trip")]
    assert table.readings([good("p", 22.0, 3.0)]) == []
    assert table.state() == {"line": "raised"}
    assert returned(table.readings([good("p", 19.0, 4.0)])) == ["line"]
    assert table.state() == {"line": "normal"}


def test_a_delay_must_pass_without_a_break():
    table = Interlocks([Row("line", "p", above=20.0, delay_s=5.0)], 0.0)
    table.readings([good("p", 21.0, 10.0)])
    assert table.state() == {"line": "violated"}
    table.readings([good("p", 19.0, 12.0)])
    table.readings([good("p", 21.0, 13.0)])
    assert table.tick(15.0) == []
    assert table.next_deadline() == 18.0
    assert raised(table.tick(18.0)) == [("line", "trip")]
    assert table.next_deadline() is None


def behind(*pumps):
    """Return a table with one row: a meter behind these pumps."""
    return Interlocks([Row("arrives", "m", deficit=0.2, commanded_of=pumps)], 0.0)


def test_a_meter_is_measured_against_the_pump_before_it():
    table = behind("a")
    assert raised(table.readings([good("m", 0.0, 1.0)])) == []  # nothing was commanded yet
    table.commanded("a", 1.0, 2.0)
    assert raised(table.readings([good("m", 0.9, 3.0)])) == []
    assert raised(table.readings([good("m", 0.7, 4.0)])) == [("arrives", "trip")]
    assert returned(table.readings([good("m", 0.9, 5.0)])) == ["arrives"]


def test_a_meter_behind_several_pumps_is_measured_against_their_sum():
    table = behind("a", "b", "c")
    table.commanded("a", 1.0, 1.0)
    assert raised(table.readings([good("m", 0.9, 2.0)])) == []  # the others were never used
    table.commanded("b", 1.0, 3.0)
    assert raised(table.readings([good("m", 0.9, 2.9)])) == []  # older than the command
    assert raised(table.readings([good("m", 0.9, 4.0)])) == [("arrives", "trip")]


def test_while_one_of_the_pumps_is_being_changed_nothing_is_missed():
    table = behind("a", "b")
    table.commanded("a", 1.0, 1.0)
    table.commanded("b", None, 2.0)
    assert raised(table.readings([good("m", 0.0, 3.0)])) == []
    table.commanded("b", 0.0, 4.0)
    assert raised(table.readings([good("m", 0.0, 5.0)])) == [("arrives", "trip")]


def test_a_meter_that_cannot_be_read_is_a_violation_as_any_signal():
    table = behind("a")
    table.readings([good("m", 1.0, 1.0)])
    assert raised(table.readings([bad("m", 2.0, "range")])) == [("arrives", "trip")]


def test_silence_is_a_violation_when_nothing_arrives_any_more():
    table = Interlocks([Row("line", "p", above=20.0, stale_s=3.0)], 0.0)
    table.readings([good("p", 5.0, 1.0)])
    assert table.next_deadline() == 4.0
    assert table.tick(3.9) == []
    assert raised(table.tick(4.0)) == [("line", "trip")]
    assert returned(table.readings([good("p", 5.0, 4.5)])) == ["line"]


def test_a_signal_never_read_blocks_and_warns_but_does_not_trip():
    table = Interlocks([Row("line", "p", above=20.0, stale_s=3.0)], 10.0)
    assert [row.name for row, _ in table.violated()] == ["line"]
    assert table.next_deadline() == 13.0
    assert raised(table.tick(13.0)) == [("line", "warn")]
    assert table.next_deadline() is None
    assert returned(table.readings([good("p", 5.0, 20.0)])) == ["line"]
    assert table.next_deadline() == 23.0


def test_the_first_reading_ever_trips_when_it_is_bad():
    table = Interlocks([Row("line", "p", above=20.0, stale_s=3.0, delay_s=1.0)], 0.0)
    table.tick(3.0)
    assert table.readings([bad("p", 20.0)]) == []
    assert table.next_deadline() == 21.0
    assert raised(table.tick(21.0)) == [("line", "trip")]


def test_two_signals_are_both_needed_before_a_disagreement_can_trip():
    table = Interlocks([Row("twins", "p", other="q", by=1.0, stale_s=3.0)], 0.0)
    assert table.readings([good("p", 5.0, 1.0)]) == []
    assert table.readings([good("q", 5.5, 1.5)]) == []
    assert table.next_deadline() == 4.0
    assert raised(table.readings([good("q", 7.0, 2.0)])) == [("twins", "trip")]


def test_two_signals_read_together_are_judged_together():
    table = Interlocks([Row("twins", "p", other="q", by=1.0)], 0.0)
    table.readings([good("p", 5.0, 1.0), good("q", 5.0, 1.0)])
    assert table.readings([good("p", 9.0, 2.0), good("q", 9.0, 2.0)]) == []
    assert raised(table.readings([good("p", 5.0, 3.0)])) == [("twins", "trip")]


def test_a_signal_that_comes_twice_in_a_group_is_judged_twice():
    table = Interlocks([Row("line", "p", above=20.0)], 0.0)
    changes = table.readings([good("p", 25.0, 1.0), good("p", 5.0, 1.1)])
    assert (raised(changes), returned(changes)) == ([("line", "trip")], ["line"])


def test_a_row_without_staleness_is_silent_about_silence():
    table = Interlocks([Row("line", "p", above=20.0, bad_counts=False)], 0.0)
    assert table.violated() == []
    assert table.next_deadline() is None
    table.readings([good("p", 5.0, 1.0)])
    assert table.next_deadline() is None
    assert table.readings([bad("p", 2.0)]) == []


def test_a_row_that_goes_by_good_readings_counts_bad_ones_as_silence():
    table = Interlocks([Row("unseen", "t", stale_s=5.0, bad_counts=False)], 0.0)
    table.readings([good("t", 50.0, 1.0)])
    table.readings([bad("t", 3.0)])
    assert table.next_deadline() == 6.0
    assert raised(table.tick(6.0)) == [("unseen", "trip")]


def test_a_sleeping_row_wakes_with_its_flag():
    row = Row("unseen", "t", stale_s=5.0, bad_counts=False, only_while="bath.running")
    table = Interlocks([row], 0.0)
    assert table.tick(100.0) == []
    assert table.flag("bath.running", True, 100.0) == []
    assert table.next_deadline() == 105.0
    assert raised(table.tick(105.0)) == [("unseen", "trip")]
    assert returned(table.flag("bath.running", False, 106.0)) == ["unseen"]
    assert table.flag("nobody.cares", True, 107.0) == []


def test_the_reading_of_a_flag_wakes_the_row_too():
    row = Row("unseen", "t", stale_s=5.0, bad_counts=False, only_while="bath.running")
    table = Interlocks([row], 0.0)
    table.readings([good("t", 50.0, 1.0)])
    table.readings([good("bath.running", True, 7.0)])
    assert table.state() == {"unseen": "raised"}
    table.readings([bad("bath.running", 8.0)])
    assert table.state() == {"unseen": "raised"}
    table.readings([good("bath.running", False, 9.0)])
    assert table.state() == {"unseen": "normal"}


def test_a_rate_skips_bad_readings():
    table = Interlocks([Row("rise", "p", rate_above=2.0, delay_s=1.0)], 0.0)
    table.readings([good("p", 1.0, 1.0)])
    table.readings([bad("p", 2.0)])
    table.readings([good("p", 4.0, 3.0)])
    assert table.state() == {"rise": "normal"}
    table.readings([good("p", 7.0, 4.0)])
    assert table.state() == {"rise": "violated"}


def test_a_deficit_follows_the_commands():
    table = Interlocks([Row("starved", "f", deficit=0.2)], 0.0)
    table.readings([good("f", 0.0, 1.0)])
    table.commanded("f", 1.0, 2.0)
    assert table.tick(2.0) == []
    assert raised(table.readings([good("f", 0.5, 3.0)])) == [("starved", "trip")]
    table.commanded("f", None, 4.0)
    assert returned(table.tick(4.0)) == ["starved"]


def heated(**rule):
    """A table of one row over a temperature and its setpoint, awake."""
    row = Row("follows", "T", other="set", only_while="on", bad_counts=False, **rule)
    table = Interlocks([row], 0.0)
    table.flag("on", True, 0.0)
    return table


def both(table, t, value, goal):
    return table.readings([good("T", value, t, "degC"), good("set", goal, t, "degC")])


def test_a_temperature_that_rises_from_its_setpoint_runs_away():
    table = heated(runaway=15.0)
    assert both(table, 1.0, 20.0, 80.0) == []
    assert both(table, 2.0, 94.0, 80.0) == []
    assert raised(both(table, 3.0, 96.0, 80.0)) == [("follows", "trip")]
    assert returned(both(table, 4.0, 90.0, 80.0)) == ["follows"]


def test_cooling_down_to_a_lower_setpoint_is_no_runaway_but_rising_on_the_way_is():
    table = heated(runaway=15.0)
    both(table, 1.0, 110.0, 110.0)
    assert both(table, 2.0, 111.0, 40.0) == []
    assert both(table, 300.0, 60.0, 40.0) == []
    assert both(table, 400.0, 74.0, 40.0) == []
    assert raised(both(table, 500.0, 76.0, 40.0)) == [("follows", "trip")]


def test_a_temperature_that_stands_still_far_from_its_setpoint_is_not_believed():
    table = heated(frozen_s=300.0)
    both(table, 0.0, 40.0, 40.0)
    assert both(table, 1000.0, 40.0, 40.0) == []
    assert both(table, 1001.0, 40.0, 80.0) == []
    assert both(table, 1300.0, 40.0, 80.0) == []
    assert raised(both(table, 1301.0, 40.0, 80.0)) == [("follows", "trip")]
    assert returned(both(table, 1302.0, 40.1, 80.0)) == ["follows"]


def test_what_was_true_before_a_row_slept_counts_no_more():
    table = heated(frozen_s=300.0)
    both(table, 0.0, 40.0, 80.0)
    table.flag("on", False, 200.0)
    table.flag("on", True, 250.0)
    assert both(table, 400.0, 40.0, 80.0) == []
    assert raised(both(table, 550.0, 40.0, 80.0)) == [("follows", "trip")]


def test_pressure_is_lost_only_after_it_was_there():
    row = Row("lost", "p", below=3.5, armed_above=5.6, delay_s=20.0, only_while="f")
    table = Interlocks([row], 0.0)
    table.readings([good("f", 1.0, 0.0), good("p", 0.0, 0.0)])
    assert table.violated() == []
    table.readings([good("p", 7.0, 60.0)])
    assert table.readings([good("p", 2.0, 61.0)]) == []
    assert raised(table.tick(81.0)) == [("lost", "trip")]
    assert returned(table.readings([good("f", 0.0, 82.0)])) == ["lost"]
    table.readings([good("f", 1.0, 90.0), good("p", 0.0, 90.0)])
    assert table.violated() == []


TIMES = st.floats(0.01, 10.0)


class TableMachine(RuleBasedStateMachine):
    """One row against a model that keeps the whole history and judges it from scratch."""

    stale_s, delay_s, above = 3.0, 1.5, 20.0

    def __init__(self):
        super().__init__()
        self.now = 0.0
        row = Row("line", "p", above=self.above, stale_s=self.stale_s, delay_s=self.delay_s)
        self.table = Interlocks([row], 0.0)
        self.last = None  # (value or None, t)
        self.since = None  # when the present violation began
        self.raised = None
        self.told = []

    def violated(self):
        if self.last is None:
            return True
        value, t = self.last
        return value is None or value > self.above or self.now >= t + self.stale_s

    def judge(self, first_read=False):
        if not self.violated():
            self.since, self.raised = None, None
            return
        if self.since is None or first_read:
            self.since = self.now
        unread = self.last is None
        due = self.stale_s if unread else self.since + self.delay_s
        if self.now >= due and self.raised != "trip":
            self.raised = "warn" if unread else "trip"

    def pass_time(self, until):
        """Let the timer fire at each deadline, as the monitor does."""
        while (deadline := self.table.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.told += self.table.tick(self.now)
            self.judge()
        self.now = until

    @rule(dt=TIMES, value=st.one_of(st.none(), st.floats(0, 40)))
    def read(self, dt, value):
        self.pass_time(self.now + dt)
        reading = bad("p", self.now) if value is None else good("p", value, self.now)
        first = self.last is None
        self.last = (value, self.now)
        self.told += self.table.readings([reading])
        self.judge(first)

    @rule(dt=TIMES)
    def wait(self, dt):
        self.pass_time(self.now + dt)

    @precondition(lambda self: self.last is not None)
    @rule()
    def tick_for_nothing(self):
        self.told += self.table.tick(self.now)
        self.judge()

    @invariant()
    def agrees_with_the_model(self):
        assert bool(self.table.violated()) == (self.since is not None or self.last is None)
        assert (self.table.state()["line"] == "raised") == (self.raised is not None)

    @invariant()
    def every_raise_is_answered_by_one_return(self):
        open_ = None
        for change in self.told:
            if change.violation is None:
                assert open_ is not None
                open_ = None
            else:
                assert open_ is None or (open_, change.action) == ("warn", "trip")
                open_ = change.action
        assert open_ == self.raised

    @invariant()
    def a_violated_row_always_has_a_deadline_or_is_raised(self):
        if self.table.violated() and self.raised is None:
            assert self.table.next_deadline() is not None
            assert math.isfinite(self.table.next_deadline())


TestTable = TableMachine.TestCase
TestTable.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(st.lists(st.tuples(st.sampled_from("pqr"), st.floats(0, 40)), max_size=30), st.data())
def test_it_does_not_matter_how_readings_are_grouped(pairs, data):
    rows = [Row("p", "p", above=20.0), Row("q", "q", rate_above=2.0), Row("r", "r", below=3.0)]
    one, many = Interlocks(rows, 0.0), Interlocks(rows, 0.0)
    readings = [good(name, value, float(i)) for i, (name, value) in enumerate(pairs)]
    single = [c for reading in readings for c in one.readings([reading])]
    grouped = []
    while readings:
        n = data.draw(st.integers(1, len(readings)))
        grouped += many.readings(readings[:n])
        readings = readings[n:]
    assert sorted(single, key=str) == sorted(grouped, key=str)
    assert one.state() == many.state()
