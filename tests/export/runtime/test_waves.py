"""Why a run fails reaches its caller, also from a disk on which nothing more can be written."""

import os
import resource

import pytest

from export.runtime.waves import FAILURE, NO_ROOM, REFUSAL, report_failure


def test_the_first_of_several_reports_stays(tmp_path):
    report_failure(tmp_path, "a\nb", "details")
    report_failure(tmp_path, "c", "")
    assert (tmp_path / FAILURE).read_text("utf-8") == "a b\ndetails"


@pytest.mark.parametrize("file", [FAILURE, REFUSAL])
def test_a_report_that_finds_no_room_is_that_there_is_none(tmp_path, file):
    (tmp_path / NO_ROOM).write_text("no room", "utf-8")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            report_failure(tmp_path, "a", "details", file)
            report_failure(tmp_path, "b", "details", file)
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    assert (tmp_path / REFUSAL).read_text("utf-8") == "no room"
    assert not (tmp_path / FAILURE).exists()
