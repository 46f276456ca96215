"""Every fact that cannot be used is refused with its file, key, value and remedy."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from scheduler.programs import load_program
from tests.programs.worked import bend, refusal, write_worked

PROGRAM, PROTOCOL, NETWORK = "skin.toml", "skin-protocol.toml", "skin-network.toml"
POLICY, PATIENTS, ARMS = "skin-policy.toml", "skin-patients.csv", "skin-arms.csv"

# A sentence, the file bent, what is replaced by what, the key refused, and words its message must hold.
BENDS = [
    ("an unknown key", PROGRAM, "title =", "titel = 1\ntitle =", "titel", "unknown key.*'title'"),
    ("an unknown key of a step", PROTOCOL, "minutes = 45", "minutes = 45\nminuts = 1", "steps[biopsy].minuts",
     "unknown"),
    ("an unknown key of a number", POLICY, "value = 60,", "value = 60, unit = 1,", "max_wait_days.unit",
     "unknown key"),
    ("a missing key", PROGRAM, "starts_on = 2027-03-01\n", "", "starts_on", "missing"),
    ("a text where a date belongs", PROGRAM, "= 2027-03-01", '= "2027-03-01"', "starts_on", "not a date"),
    ("a year nobody lives in", PROGRAM, "= 2027-03-01", "= 9999-12-31", "starts_on", "9999-12-31 is out of range"),
    ("an id with a slash", PROGRAM, 'name = "skin"', 'name = "skin/1"', "name", "'skin/1' is not an id"),
    ("a text with a control character", PROGRAM, '"skin-network.toml"', '"a\\u0000.toml"', "network", "control"),
    ("a number where a text belongs", PROGRAM, '"skin"', "7", "name", "7 is not a text"),
    ("a protocol nobody has", PROGRAM, '"skin-protocol.toml"', '"nothing"', "protocol", "'nothing'.*alsummit"),
    ("no randomisation list where the arm is planned with", PROGRAM, "randomisation", "# ", "randomisation", "'open'"),
    ("a text where a flag belongs", PROTOCOL, "blinded = false", 'blinded = "no"', "blinded", "'no' is neither"),
    ("a masked protocol planned openly", PROTOCOL, "blinded = false", "blinded = true", "policy", "is blinded"),
    ("an unknown supply", PROTOCOL, '"bank"', '"fresh"', "supply", "'fresh'.*bank, harvest-per-dose"),
    ("a mark without a source", PROTOCOL, "source =", "# source =", "source", "None is not a source"),
    ("an unknown mark", PROTOCOL, 'mark = "A"', 'mark = "B"', "mark", "'B' is not a mark"),
    ("an assumption that does not say so", POLICY, "assumed: made", "made", "max_wait_days.source", "'assumed'"),
    ("a negative number", PROTOCOL, "ml_per_kg = 0.05", "ml_per_kg = -0.05", "product.ml_per_kg", "-0.05 is out"),
    ("a number that is not finite", PROTOCOL, "= 0.05", "= nan", "product.ml_per_kg", "nan is out of range"),
    ("an infinite number", PROTOCOL, "ml_per_syringe = 5", "ml_per_syringe = inf", "product.ml_per_syringe",
     "inf is out"),
    ("a true where a number belongs", PROTOCOL, "= 0.05", "= true", "product.ml_per_kg", "True is not a number"),
    ("bands that do not fill their range", PROTOCOL, "= 130", "= 131", "product.heaviest_kg", "131 kg.*bands"),
    ("a registration later than its target", PROTOCOL, "earliest_days = 2", "earliest_days = 15",
     "registration.earliest_days", "15 is later"),
    ("a window with earliest after latest", PROTOCOL, "latest_days = 4", "latest_days = -3",
     "doses[2].window.earliest_days", r"earliest \(-2\) is later than latest \(-3\)"),
    ("a dose that stands twice", PROTOCOL, "number = 2", "number = 1", "doses[1]", "stands twice"),
    ("no first dose", PROTOCOL, 'role = "first"',
     'role = "pair"\nanchor = "dose 2"\nwindow = { earliest_days = 0, latest_days = 0 }', "doses",
     "exactly one 'first'"),
    ("an anchor that is no dose", PROTOCOL, 'anchor = "dose 1"', 'anchor = "dose 9"', "doses[2].anchor", "no dose 9"),
    ("an anchor nobody understands", PROTOCOL, 'anchor = "dose 1"', 'anchor = "later"', "doses[2].anchor", "'later'"),
    ("a dose that counts from the registration", PROTOCOL, '"dose 1"', '"registration"', "doses[2].anchor",
     "follow-up"),
    ("anchors that go round in a circle", PROTOCOL, 'anchor = "dose 1"', 'anchor = "dose 2"', "doses[2].anchor",
     "circle: dose 2 -> dose 2"),
    ("a restart of a dose that is not the first", PROTOCOL, "restarts = [1]", "restarts = [2]", "steps[thaw].restarts",
     "dose 2 is restarted"),
    ("a restart with a step that every dose has", PROTOCOL, "doses = [2]\nrestarts", "restarts", "steps[thaw].restarts",
     "cannot come in when dose 1"),
    ("a restart where each dose has its harvest", PROTOCOL, '"bank"', '"harvest-per-dose"', "steps[thaw].restarts",
     "supply = 'bank'"),
    ("an arm with an unknown dose", PROTOCOL, "active = [1, 2]", "active = [1, 3]", "arms[cells]", "no dose 3"),
    ("an arm with a dose in both lists", PROTOCOL, "comparator = []", "comparator = [2]", "arms[cells].comparator",
     "dose 2 is active"),
    ("an arm without the anchor of its dose", PROTOCOL, "active = [1, 2]", "active = [2]", "arms[cells]", "dose 1"),
    ("a step that stands twice", PROTOCOL, 'kind = "seeding"', 'kind = "biopsy"', "steps[biopsy]", "stands twice"),
    ("a step called follow_up", PROTOCOL, 'kind = "seeding"', 'kind = "follow_up"', "steps[follow_up].kind", "kept"),
    ("minutes that are no quarters", PROTOCOL, "minutes = 45", "minutes = 50", "steps[biopsy].minutes", "50 .*15"),
    ("minutes that are no whole number", PROTOCOL, "minutes = 45", "minutes = 45.0", "steps[biopsy].minutes", "45.0"),
    ("a step without a length", PROTOCOL, "minutes = 45\n", "", "steps[biopsy].minutes", "exactly one of the three"),
    ("an unknown side", PROTOCOL, 'at = "site"', 'at = "home"', "steps[biopsy].at", "'home'.*plant -> site"),
    ("a patient at the plant", PROTOCOL, "cells = true", "attended = true", "steps[seeding].attended", "only at"),
    ("an arrival of a step that stays", PROTOCOL, "minutes = 120", 'minutes = 120\narrives_in = "dock"',
     "steps[seeding].arrives_in", "not a transit"),
    ("starts that cannot be read", PROTOCOL, "Mon-Thu 08:00-14:00", "Mon-Thu 8-14", "steps[biopsy].starts", "'8'"),
    ("an unknown step to wait for", PROTOCOL, 'after = ["seeding"]', 'after = ["sowing"]', "steps[growth].after",
     "no step 'sowing'"),
    ("steps that wait for each other", PROTOCOL, 'uses = ["theatre"]', 'uses = ["theatre"]\nafter = ["growth"]',
     "steps[", "circle"),
    ("a hold from itself", PROTOCOL, 'from = "seeding.end", until', 'from = "growth.end", until', "steps[growth].hold",
     "circle: growth -> growth"),
    ("a hold to an unknown step", PROTOCOL, 'until = "fill.start"', 'until = "filling.start"',
     "steps[growth].hold.until", "no step 'filling'"),
    ("a reference that is none", PROTOCOL, 'until = "pack.start"', 'until = "pack"', "steps[fill].uses[1].until",
     "'pack'"),
    ("a resource held to an unknown step", PROTOCOL, 'until = "pack.start"', 'until = "box.start"',
     "steps[fill].uses[1].until", "no step 'box'"),
    ("a resource used twice", PROTOCOL, 'uses = ["theatre"]', 'uses = ["theatre", "theatre"]', "steps[biopsy].uses",
     "twice"),
    ("a step for an unknown dose", PROTOCOL, "doses = [2]", "doses = [5]", "steps[thaw].doses", "no dose 5"),
    ("a limit on an unknown dose", PROTOCOL, 'from = "thaw.end"\nto = "fill.start"',
     'from = "thaw@7.end"\nto = "fill.start"', "limits[regrowth_days].from", "no dose 7"),
    ("a numbered harvest where there is one", PROTOCOL, '"biopsy.end"', '"biopsy@1.end"', "limits[biopsy_hold].from",
     "bank"),
    ("a limit that bounds nothing", PROTOCOL, "at_most_hours = 30", "", "limits[biopsy_hold].at_most_hours",
     "nothing"),
    ("a limit turned round", PROTOCOL, "at_most_days = 14", "at_most_days = 9", "limits[growth_days].at_least",
     "10.*9"),
    ("a limit in two units", PROTOCOL, "at_most_hours = 30", "at_most_hours = 30\nat_most_minutes = 1800",
     "limits[biopsy_hold].at_most_minutes", "given too"),
    ("a limit with the name of a rule", PROTOCOL, '"biopsy_hold"', '"unit_capacity"', "limits[unit_capacity].name",
     "rule"),
    ("an administration that is no step", PROTOCOL, 'tion = "graft"', 'tion = "gift"', "administration", "'gift'"),
    ("an administration for one dose only", PROTOCOL, 'tion = "graft"', 'tion = "thaw"', "administration", "'thaw'"),
    ("a registration of an unknown step", PROTOCOL, 'step = "biopsy"', 'step = "skin"', "registration.step", "'skin'"),
    ("a cold chain from an unknown step", PROTOCOL, '[cold_chain]\nfrom = "fill.end"', '[cold_chain]\nfrom = "f.end"',
     "cold_chain.from", "no step 'f'"),
    ("a follow-up of odd minutes", PROTOCOL, "minutes = 30\nuses = [\"clinic\"]", "minutes = 20\nuses = [\"clinic\"]",
     "follow_ups[month-3].minutes", "20 is not whole quarters"),
    ("a shelf life shorter than a lane", PROTOCOL, "at_most_hours = 36", "at_most_hours = 6",
     "limits[shelf_life].at_most_hours", "6 h from fill.end to graft.end.*HUB-SOUTH.*at least 7 h"),
    ("a place that stands twice", NETWORK, 'code = "SOUTH"', 'code = "NORTH"', "places[NORTH]", "stands twice"),
    ("an unknown time zone", NETWORK, "Europe/Berlin", "Europe/Bielefeld", "places[NORTH].zone", "Bielefeld"),
    ("a holiday list nobody wrote", NETWORK, 'holidays = "public"', 'holidays = "moon"', "places[NORTH].holidays",
     "'moon'"),
    ("a holiday that stands twice", NETWORK, "2027-03-29", "2027-03-26", "holidays.public.days", "stands twice"),
    ("a resource without hours", NETWORK, 'suite = { units = 1, hours = "Mon-Sat 07:00-19:00",',
     "suite = { units = 1,", "places[HUB].resources.suite.hours", "missing"),
    ("a resource without units", NETWORK, "theatre = 1", "theatre = 0", "places[NORTH].resources.theatre", "0 is out"),
    ("a resource kind spelt otherwise than its resource", NETWORK, "[resource_kinds.clinic]",
     "[resource_kinds.clinics]", "places[NORTH].resources.clinic.hours", "missing"),
    ("a lane kind that no lane is of", NETWORK, "[[lanes]]", "[lane_kinds.bike]\nplaces = 1\n[[lanes]]",
     "lane_kinds.bike", "no place or lane"),
    ("a resource missing at a site", NETWORK, "pharmacy = 1, ", "", "places[NORTH].resources.pharmacy",
     r"steps\[transit\].*needs"),
    ("hours that end before they begin", NETWORK, "Mon-Sat 07:00-19:00", "Mon-Sat 19:00-07:00",
     "places[HUB].resources.suite.hours", "ends before"),
    ("hours past midnight", NETWORK, "07:00-22:00", "07:00-24:30", "places[HUB].resources.qc_bench.hours", "24:30"),
    ("weekdays nobody knows", NETWORK, 'weekdays = "Mon-Sat"', 'weekdays = "Mon-Sam"', "lanes[NORTH-HUB].weekdays",
     "Sam"),
    ("weekdays that run backwards", NETWORK, '"Mon-Sat"', '"Sat-Mon"', "lanes[NORTH-HUB].weekdays", "backwards"),
    ("a lane without departures", NETWORK, '["06:00", "12:00", "18:00"]', "[]", "lanes[NORTH-HUB].departures",
     "lane NORTH-HUB has no departures"),
    ("a departure off the quarters", NETWORK, '"12:00"', '"12:10"', "lanes[NORTH-HUB].departures", "12:10"),
    ("a departure that stands twice", NETWORK, '"12:00"', '"06:00"', "lanes[NORTH-HUB].departures", "twice"),
    ("a lane from nowhere", NETWORK, 'from = "NORTH"', 'from = "EAST"', "lanes[NORTH-HUB].from", "'EAST'"),
    ("a lane between two sites", NETWORK, 'from = "HUB"\nto = "NORTH"', 'from = "SOUTH"\nto = "NORTH"',
     "lanes[HUB-NORTH].to", "both a site"),
    ("a lane of an unknown kind", NETWORK, 'kind = "van"', 'kind = "ship"', "lanes[NORTH-HUB].kind", "'ship'.*van"),
    ("temperatures of what is no transit", PROTOCOL, "minutes = 45", "minutes = 45\n"
     "temperatures = { at_least_celsius = 2, at_most_celsius = 8, review_at_least_celsius = 0, "
     'review_at_most_celsius = 15, review_minutes = 30, longest_gap_minutes = 10 }', "steps[biopsy].temperatures",
     "not a transit to the plant"),
    ("a p99 below its p50", NETWORK, "p99_minutes = 90", "p99_minutes = 30", "lanes[NORTH-HUB].p99_minutes", "30"),
    ("a factor of an unknown run", NETWORK, 'run = "Easter", factor', 'run = "Yule", factor',
     "lanes[HUB-SOUTH].factors[0].run", "'Yule'.*Easter"),
    ("a factor below one", NETWORK, "factor = 1.5", "factor = 0.5", "lanes[HUB-SOUTH].factors[0].factor", "0.5"),
    ("a site no plant can reach", NETWORK, 'from = "HUB"\nto = "SOUTH"', 'from = "HUB"\nto = "NORTH"', "lanes",
     "no plant has lanes plant -> site and site -> plant for site SOUTH"),
    ("a naive time", PROGRAM, "from = 2027-03-08", "from = 2027-03-08T08:00:00", "closures[HUB].from", "naive time"),
    ("a closure that ends first", PROGRAM, "until = 2027-03-10", "until = 2027-03-08", "closures[HUB].until",
     "not after"),
    ("a closure of nowhere", PROGRAM, 'where = "HUB"', 'where = "EAST"', "closures[EAST].where", "'EAST'"),
    ("a closure of a resource that is not there", PROGRAM, '"suite"', '"sauna"', "closures[HUB].resource", "'sauna'"),
    ("a unit that is not there", PROGRAM, '"suite"', '"suite"\nunit = "suite-9"', "closures[HUB].unit", "'suite-9'"),
    ("a unit of nothing", PROGRAM, 'resource = "suite"', 'unit = "suite-1"', "closures[HUB].unit", "that is named"),
    ("a closure for the whole program", PROGRAM, "2027-03-08\nuntil = 2027-03-10", "2027-01-01\nuntil = 2029-01-01",
     "places[HUB].resources.suite.hours", "never open between 2027-03-01"),
    ("a lane closed for the whole program", PROGRAM,
     'where = "HUB"\nresource = "suite"\nfrom = 2027-03-08\nuntil = 2027-03-10',
     'where = "HUB-NORTH"\nfrom = 2027-01-01\nuntil = 2029-01-01', "lanes[HUB-NORTH].departures",
     "no departures between"),
    ("a policy weight that is no number", POLICY, "value = 60", 'value = "60"', "max_wait_days",
     "'60' is not a whole"),
    ("an unknown capacity", POLICY, "max_wait", 'capacity = "huge"\nmax_wait', "capacity",
     "'huge'.*shadow, lean, open"),
    ("a file that extends nothing there", POLICY, '"open"', '"opened"', "file", "cannot be read"),
    ("a file that extends a control character", POLICY, '"open"', '"\\u0000"', "extends", "is not a name"),
    ("a file that extends itself", POLICY, '"open"', '"skin-policy.toml"', "extends", "circle"),
    ("a dropped part that is not there", POLICY, 'extends = "open"', 'extends = "open"\nwithout = { steps = ["x"] }',
     "without.steps", "cannot be dropped"),
    ("another header", PATIENTS, "id,site", "patient,site", "header", "'patient,site"),
    ("a row with a cell too few", PATIENTS, "ANA,NORTH,", "ANA,", "row", "has 3 cells"),
    ("an unknown site", PATIENTS, "ANA,NORTH", "ANA,EAST", "site", "no site 'EAST'.*NORTH, SOUTH"),
    ("a plant where a site belongs", PATIENTS, "ANA,NORTH", "ANA,HUB", "site", "no site 'HUB'"),
    ("a patient id that stands twice", PATIENTS, "BEN", "ANA", "id", "'ANA' stands twice"),
    ("a patient id with a slash", PATIENTS, "ANA", "A/NA", "id", "'A/NA' is not a study id"),
    ("a date that is none", PATIENTS, "2027-03-02", "2027-02-30", "registered_on", "'2027-02-30' is not a date"),
    ("a registration before the program", PATIENTS, "2027-03-01", "2027-02-28", "registered_on", "before.*2027-03-01"),
    ("a weight outside the bands", PATIENTS, "61.5", "130", "weight_kg", "130 kg.*30 <= kg < 130"),
    ("a weight that is not finite", PATIENTS, "61.5", "nan", "weight_kg", "nan kg"),
    ("a weight that is no number", PATIENTS, "61.5", "heavy", "weight_kg", "'heavy' is not a number"),
    ("no patients", PATIENTS, "ANA,NORTH,2027-03-01,61.5\nBEN,SOUTH,2027-03-02,80.0\n", "", "rows", "no patients"),
    ("an unknown arm", ARMS, "cells", "cell", "arm", "no arm 'cell'.*cells, carrier"),
    ("an arm for an unknown patient", ARMS, "BEN", "CHARLIE", "patient", "'CHARLIE' is not a patient"),
    ("a patient without an arm", ARMS, "BEN,carrier\n", "", "patient", "'BEN' has no arm"),
    ("a patient with two arms", ARMS, "BEN,carrier\n", "BEN,carrier\nBEN,cells\n", "patient", "'BEN' stands twice"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "words"), [one[1:] for one in BENDS], ids=[one[0] for one in BENDS]
)
def test_a_program_is_refused_for(tmp_path: Path, file: str, old: str, new: str, key: str, words: str) -> None:
    refused = refusal(bend(tmp_path, file, old, new))
    assert refused.key.startswith(key)
    assert re.search(words, str(refused), re.DOTALL)


@pytest.mark.parametrize("file", [PROTOCOL, NETWORK, POLICY, PATIENTS, ARMS])
def test_a_refusal_names_the_file_at_fault(tmp_path: Path, file: str) -> None:
    program = write_worked(tmp_path)
    (tmp_path / file).write_bytes(b"\xff\xfe\x00")
    refused = refusal(program)
    assert refused.where == str(tmp_path / file)
    assert "byte 0 is not UTF-8" in refused.problem


def test_a_refused_row_names_its_line(tmp_path: Path) -> None:
    # Line 1 is the header, Ana stands on line 2, Ben on line 3.
    assert refusal(bend(tmp_path, PATIENTS, "80.0", "8")).where == f"{tmp_path / PATIENTS}, line 3"


def test_a_file_that_is_not_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    refused = refusal(bend(tmp_path, PROTOCOL, 'name = "skin-protocol"', "name = "))
    assert (refused.where, refused.key) == (str(tmp_path / PROTOCOL), "file")
    assert "is not TOML" in refused.problem
    assert "line 1" in refused.problem


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "nothing.toml").problem


def test_a_folder_is_refused_as_a_program(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path).problem


def test_a_name_no_program_has_is_refused_with_the_names_there_are() -> None:
    refused = refusal(Path("alsumit"))
    assert "'alsumit'" in refused.problem
    assert "alsummit, alsummit-126" in refused.remedy


def test_a_bend_back_loads(tmp_path: Path) -> None:
    # The worked program is good in itself, so that each refusal above is for its bend alone.
    assert [patient.id for patient in load_program(str(write_worked(tmp_path))).patients] == ["ANA", "BEN"]


def test_a_randomisation_list_for_a_protocol_without_arms_is_refused(tmp_path: Path) -> None:
    program = write_worked(tmp_path)
    text = (tmp_path / PROTOCOL).read_text(encoding="utf-8")
    before, after = text.split("[[arms]]", 1)[0], text.split("[[steps]]", 1)[1]
    (tmp_path / PROTOCOL).write_text(f"{before}[[steps]]{after}", encoding="utf-8")
    refused = refusal(program)
    assert (refused.key, refused.problem) == ("randomisation", "protocol skin-protocol has no arms")


def test_arms_with_different_doses_cannot_share_shadow_capacity(tmp_path: Path) -> None:
    program = bend(tmp_path, POLICY, "max_wait", 'capacity = "shadow"\nmax_wait')
    protocol = tmp_path / PROTOCOL
    text = protocol.read_text(encoding="utf-8").replace("comparator = [1, 2]", "comparator = [1]")
    protocol.write_text(text, encoding="utf-8")
    refused = refusal(program)
    assert (refused.where, refused.key) == (str(program), "policy")
    assert "arm carrier has other doses" in refused.problem


def test_a_masked_program_planned_with_the_arm_needs_a_limit_that_hides_it(tmp_path: Path) -> None:
    program = bend(tmp_path, POLICY, "max_wait", 'capacity = "lean"\nmax_wait')
    protocol = tmp_path / PROTOCOL
    text = protocol.read_text(encoding="utf-8").replace("blinded = false", "blinded = true")
    protocol.write_text(text, encoding="utf-8")
    refused = refusal(program)
    assert (refused.where, refused.key) == (str(program), "policy")
    assert "a comparator dose may come sooner than cells" in refused.problem
    # Cells take 10 days of growth from the biopsy, and now the carrier does, too.
    mask = '[[limits]]\nname = "mask"\nfrom = "biopsy.start"\nto = "graft.start"\nat_least_days = 10\n'
    protocol.write_text(f"{text}\n{mask}", encoding="utf-8")
    assert load_program(str(program)).policy.capacity == "lean"


def test_a_shadow_program_never_opens_its_randomisation_list(tmp_path: Path) -> None:
    program = bend(tmp_path, POLICY, "max_wait", 'capacity = "shadow"\nmax_wait')
    (tmp_path / ARMS).unlink()
    assert load_program(str(program)).arms is None


def test_holidays_that_close_everything_are_refused(tmp_path: Path) -> None:
    # Every day of 2027 is a holiday; Ana and Ben are done, follow-ups included, before it ends.
    days = [date(2027, 1, 1) + timedelta(days=count) for count in range(365)]
    listed = ", ".join(f'{{ on = {day}, name = "rest", run = "Easter" }}' for day in days)
    program = bend(
        tmp_path,
        NETWORK,
        "[holidays.public]\ndays = [",
        f"[holidays.public]\ndays = [{listed}]\n[holidays.x]\ndays = [",
    )
    refused = refusal(program)
    assert (refused.where, refused.key) == (str(tmp_path / NETWORK), "places[NORTH].resources.theatre.hours")
    assert "never open between 2027-03-01" in refused.problem
