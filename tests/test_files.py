"""Files and folders: complete or not there, and nothing of anybody else's is ever removed."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmer import files
from openmer._stand_ins import add_stand_in
from openmer._temporary_names import unique_mark
from openmer.errors import DataError, OpenMERError
from openmer.files import (
    check_replaceable,
    move_file,
    readable,
    replace_file,
    replace_files,
    replace_folder,
    safe_name,
    short_name,
    sweep_stale,
    temporary_folder,
    writing_file,
)

is_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc who is alive")


def tree(folder):
    """Everything in a folder by name: the bytes of files, None for folders."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in Path(folder).rglob("*")
    }


def fill(folder, contents):
    with replace_folder(folder) as place:
        for name, content in contents.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)


def python(code, *arguments):
    """A process that runs `code`; it tells where it is by lines on its output."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def _half_and_stop(path, error):
    path.write_bytes(b"half")
    raise error


def killed(code, *arguments):
    """Run `code` up to its first line of output, then kill it with -9."""
    with python(code, *arguments) as process:
        process.stdout.readline()
        process.kill()
    return process


# Files


def test_a_file_is_written_with_its_folders_and_replaced(tmp_path):
    path = tmp_path / "a" / "b" / "x.txt"
    for content in (b"one", b"", b"three"):
        replace_file(path, content)
        assert tree(path.parent) == {"x.txt": content}


def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path):
    replace_file(tmp_path / "x", b"old")
    with pytest.raises(ZeroDivisionError), writing_file(tmp_path / "x") as temporary:
        _half_and_stop(temporary, ZeroDivisionError)
    assert tree(tmp_path) == {"x": b"old"}


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """What was asked to be on the disk, each with whether `x` had its name then."""
    done = []
    real = os.fsync

    def fsync(number):
        done.append((Path(f"/proc/self/fd/{number}").readlink(), (tmp_path / "x").exists()))
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    return done


@pytest.mark.parametrize("is_durable", [True, False])
def test_what_is_durable_is_on_the_disk_before_it_has_its_name(tmp_path, on_disk, is_durable):
    replace_file(tmp_path / "x", b"1", durable=is_durable)
    if not is_durable:
        assert on_disk == []
        return
    (file, named), (folder, has_name) = on_disk
    assert file.parent == tmp_path and file.name.startswith(".x.") and not named
    assert folder == tmp_path and has_name


def test_a_file_that_is_moved_is_on_the_disk_before_it_has_its_name(tmp_path, on_disk):
    made = tmp_path / "made"
    made.write_bytes(b"1")
    move_file(made, tmp_path / "x")
    assert on_disk == [(made, False), (tmp_path, True)]


def test_a_complete_file_gets_its_place_and_never_that_of_a_folder(tmp_path):
    made = tmp_path / "made"
    made.write_bytes(b"new")
    (tmp_path / "there").write_bytes(b"old")
    move_file(made, tmp_path / "there")
    assert [p.name for p in tmp_path.iterdir()] == ["there"]
    assert (tmp_path / "there").read_bytes() == b"new"
    move_file(tmp_path / "there", tmp_path / "folder" / "there")
    assert (tmp_path / "folder" / "there").read_bytes() == b"new"
    with pytest.raises(DataError, match="there is a folder of this name"):
        move_file(tmp_path / "folder" / "there", tmp_path / "folder")
    assert (tmp_path / "folder" / "there").read_bytes() == b"new"


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "x")
    replace_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert tree(tmp_path / "real") == {"x": b"new"}


def test_folders_and_pipes_are_never_replaced_by_a_file(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, what in (("folder", "a folder"), ("pipe", "a device or pipe")):
        with pytest.raises(DataError, match=f"{name}: there is {what} of this name. Choose"):
            replace_file(tmp_path / name, b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "pipe"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("file/below/x", "Choose another path"), ("n" * 256, "shorter name"), ("a" * 255, None)],
)
def test_places_that_cannot_be_are_told_with_a_remedy(tmp_path, name, remedy):
    (tmp_path / "file").write_text("mine")
    if remedy is None:
        replace_file(tmp_path / name, b"x")
        return
    for write in (lambda p: replace_file(p, b"x"), lambda p: fill(p, {"x": b"x"})):
        with pytest.raises(OpenMERError, match=remedy) as found:
            write(tmp_path / name)
        assert str(tmp_path / "file") in str(found.value) or name in str(found.value)
    with pytest.raises(OpenMERError, match=remedy):
        check_replaceable(tmp_path / name)
    assert tree(tmp_path) == {"file": b"mine"}


def no_room(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    replace_file(tmp_path / "x", b"old")
    fill(tmp_path / "f", {"y": b"old"})
    before = tree(tmp_path)
    monkeypatch.setattr(os, "fsync", no_room)
    for write in (
        lambda: replace_file(tmp_path / "x", b"new"),
        lambda: replace_files({tmp_path / "x": b"new", tmp_path / "z": b"new"}),
        lambda: fill(tmp_path / "f", {"y": b"new"}),
    ):
        with pytest.raises(DataError, match=r"Cannot write .*: No space left.* Make room on that"):
            write()
        assert tree(tmp_path) == before


def test_an_error_of_another_file_is_not_blamed_on_the_one_that_is_written(tmp_path):
    with pytest.raises(FileNotFoundError), writing_file(tmp_path / "x"):
        (tmp_path / "elsewhere").read_bytes()
    assert tree(tmp_path) == {}


# Several files


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_of_several_files_all_or_none_change(tmp_path, monkeypatch, broken):
    names = ["a", "b", "c"]
    replace_file(tmp_path / "a", b"old")
    replace_file(tmp_path / "c", b"old")
    before = tree(tmp_path)
    real, calls = Path.replace, []

    def replace(self, target):
        calls.append(target)
        if len(calls) == broken + 1:
            no_room()
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(DataError, match="Make room"):
        replace_files({tmp_path / name: b"new" for name in names})
    assert tree(tmp_path) == before
    replace_files({tmp_path / name: b"new" for name in names})
    assert tree(tmp_path) == dict.fromkeys(names, b"new")


def test_a_second_name_is_copied_where_a_disk_has_no_hard_links(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "hardlink_to", no_room)
    replace_file(tmp_path / "a", b"old")
    real = Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda one, to: no_room() if to.name == "b" else real(one, to)
    )
    with pytest.raises(DataError, match="Make room"):
        replace_files({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert tree(tmp_path) == {"a": b"old"}
    replace_files({tmp_path / "a": b"new"})
    assert tree(tmp_path) == {"a": b"new"}


# Folders


def test_a_folder_of_ours_is_replaced_whole(tmp_path):
    fill(tmp_path / "f", {"a": b"1", "deep/b": b"2"})
    fill(tmp_path / "f", {"c": b"3"})
    assert {n for n in tree(tmp_path / "f") if not n.startswith(".")} == {"c"}
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_it_is_replaced_where_names_cannot_be_swapped(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_exchange", lambda *_: False)
    fill(tmp_path / "f", {"a": b"1"})
    fill(tmp_path / "f", {"c": b"3"})
    assert {n for n in tree(tmp_path / "f") if not n.startswith(".")} == {"c"}
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_an_error_in_the_block_leaves_the_old_folder(tmp_path):
    fill(tmp_path / "f", {"a": b"1"})
    before = tree(tmp_path)
    with pytest.raises(KeyboardInterrupt), replace_folder(tmp_path / "f") as place:
        _half_and_stop(place / "b", KeyboardInterrupt)
    assert tree(tmp_path) == before


names = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]),
    min_size=1,
    max_size=12,
).filter(
    lambda name: (
        name not in {".", "..", ".openmer-files.json", ".DS_Store", "Thumbs.db", "desktop.ini"}
        and not name.startswith("._")
    )
)
paths = st.lists(names, min_size=1, max_size=3).map("/".join)


@settings(max_examples=60, deadline=None)
@given(
    ours=st.dictionaries(names, st.binary(max_size=20), max_size=3),
    theirs=st.dictionaries(paths, st.none() | st.binary(max_size=20), min_size=1, max_size=3),
    is_stamped=st.booleans(),
)
def test_whatever_others_put_into_a_folder_is_never_lost(
    tmp_path_factory, ours, theirs, is_stamped
):
    folder = tmp_path_factory.mktemp("x") / "f"
    if is_stamped:
        fill(folder, ours)
    before = tree(folder)
    for name, content in theirs.items():
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).mkdir() if content is None else (folder / name).write_bytes(content)
        except OSError:  # below or above another one
            continue
    after = tree(folder)
    if after == before:
        check_replaceable(folder)
        return
    worked = False
    with pytest.raises(DataError, match="Nothing was removed") as found:
        check_replaceable(folder)
    assert any(f" holds {name}," in str(found.value) for name in after)
    with pytest.raises(DataError, match="Nothing was removed"), replace_folder(folder):
        worked = True
    assert tree(folder) == after and not worked


def test_files_put_there_during_the_work_are_not_lost(tmp_path):
    fill(tmp_path / "f", {"a": b"1"})
    with (
        pytest.raises(DataError, match=r"holds notes\.txt, which is not in the list of"),
        replace_folder(tmp_path / "f"),
    ):
        (tmp_path / "f" / "notes.txt").write_text("mine")
    assert (tmp_path / "f" / "notes.txt").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_file_changed_since_is_a_file_of_others(tmp_path):
    fill(tmp_path / "f", {"a": b"12"})
    (tmp_path / "f" / "a").write_bytes(b"13")
    with pytest.raises(DataError, match="holds a, which was changed since"):
        check_replaceable(tmp_path / "f")
    (tmp_path / "f" / "a").unlink()
    check_replaceable(tmp_path / "f")  # what is missing cannot be lost
    (tmp_path / "f" / "a").symlink_to("/etc/hostname")
    with pytest.raises(DataError, match="holds a, which was changed since"):
        check_replaceable(tmp_path / "f")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"holds": 3}', b"\xff"])
def test_a_broken_list_of_files_allows_nothing(tmp_path, content):
    fill(tmp_path / "f", {"a": b"1"})
    (tmp_path / "f" / ".openmer-files.json").write_bytes(content)
    with pytest.raises(DataError, match="holds a, which is not in the list of"):
        check_replaceable(tmp_path / "f")


def test_what_the_system_puts_there_is_nobodys(tmp_path):
    fill(tmp_path / "f", {"a": b"1"})
    (tmp_path / "f" / ".DS_Store").write_bytes(b"x")
    fill(tmp_path / "f", {"b": b"1"})
    assert not (tmp_path / "f" / "a").exists()


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "._x"])
def test_a_folder_or_a_link_of_such_a_name_is_somebodys(tmp_path, name):
    for place in ("folder", "link"):
        fill(tmp_path / place, {"a": b"1"})
    (tmp_path / "folder" / name).mkdir()
    (tmp_path / "link" / name).symlink_to(tmp_path / "folder" / "a")
    for place in ("folder", "link"):
        with pytest.raises(DataError, match="Nothing was removed"):
            check_replaceable(tmp_path / place)


def test_an_empty_folder_may_be_filled_and_a_final_one_never_replaced(tmp_path):
    (tmp_path / "f").mkdir()
    with replace_folder(tmp_path / "f", is_final=True) as place:
        (place / "a").write_bytes(b"1")
    assert tree(tmp_path / "f") == {"a": b"1"}
    with pytest.raises(DataError, match="holds a, which"), replace_folder(tmp_path / "f"):
        pass


def test_a_link_to_a_folder_stays(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "f")
    fill(tmp_path / "link", {"a": b"1"})
    fill(tmp_path / "link", {"b": b"1"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "f" / "b").is_file()


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may all")
def test_a_folder_that_cannot_be_written_is_found_by_the_check(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DataError, match=r"cannot be written to\. Make room, or choose"):
        check_replaceable(tmp_path / "below" / "f")


# Kills


_WRITE_FILE = """
import sys, time
from pathlib import Path
from openmer.files import writing_file
with writing_file(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print("at work", flush=True)
    time.sleep(60)
"""
_WRITE_FOLDER = _WRITE_FILE.replace("writing_file", "replace_folder").replace(
    "temporary.write", "(temporary / 'x').write"
)


@is_linux
@pytest.mark.parametrize("code", [_WRITE_FILE, _WRITE_FOLDER])
def test_a_kill_leaves_the_old_and_the_next_write_sweeps(tmp_path, code):
    target = tmp_path / "kept"
    if code is _WRITE_FILE:
        replace_file(target, b"old")
    else:
        fill(target, {"x": b"old"})
    before = tree(tmp_path)
    killed(code, target)
    left = tree(tmp_path)
    assert len(left) > len(before)
    assert {name: left[name] for name in before} == before
    if code is _WRITE_FILE:
        replace_file(target, b"new")
    else:
        fill(target, {"x": b"new"})
    assert tree(tmp_path).keys() == before.keys()


@is_linux
def test_what_a_living_process_writes_is_not_swept(tmp_path):
    with python(_WRITE_FILE, tmp_path / "x") as process:
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        before = tree(tmp_path)
        sweep_stale(tmp_path)
        assert tree(tmp_path) == before and len(before) == 1
        process.kill()
        time.sleep(0.2)  # dead, and not yet asked for: a zombie
        sweep_stale(tmp_path)
        assert tree(tmp_path) == {}


@is_linux
def test_what_is_swept_is_told_by_process_and_start_not_by_name(tmp_path):
    host, pid, start, _ = unique_mark()[1:].split("-")
    end = "0" * 12 + ".tmp"
    old = {
        ".x.1.tmp": "an older OpenMER",
        f".x.{host}-{pid}-{start}-{end}": "this process",
        f".x.{'f' * 8}-{pid}-{'1' * 8}-{end}": "another host",
        f".x.{host}-{pid}-{'0' * 8}-{end}.txt": "another ending",
    }
    dead = {
        f".x.{host}-{pid}-{'1' * 8}-{end}": "another process that had this number",
        f".x.{host}-{2**22 + 1}-{start}-{end}": "no process has this number",
    }
    for name in old | dead:
        (tmp_path / name).write_text("x")
    sweep_stale(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == set(old)
    days = 24 * 3600
    foreign = next(name for name, whose in old.items() if whose == "another host")
    for age, stays in ((29 * days, True), (31 * days, False)):
        os.utime(tmp_path / foreign, (time.time() - age,) * 2)
        sweep_stale(tmp_path)
        assert (tmp_path / foreign).exists() is stays


def test_a_sweep_follows_no_link(tmp_path):
    fill(tmp_path / "mine", {"a": b"1"})
    host, pid, *_ = unique_mark()[1:].split("-")
    (tmp_path / f".x.{host}-{pid}-{'1' * 8}-{'0' * 12}.tmp").symlink_to(tmp_path / "mine")
    before = tree(tmp_path / "mine")
    sweep_stale(tmp_path)
    assert tree(tmp_path / "mine") == before
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@is_linux
def test_a_temporary_folder_is_private_and_swept_after_a_kill(tmp_path):
    code = _WRITE_FOLDER.replace("replace_folder(Path(sys.argv[1]))", "X").replace(
        "replace_folder", "temporary_folder"
    )
    code = code.replace("X", "temporary_folder('page', Path(sys.argv[1]))")
    killed(code, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    with temporary_folder("page", tmp_path) as folder:
        assert [p.name for p in tmp_path.iterdir()] == [folder.name]
        assert folder.name.startswith("page.") and folder.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


_MANY = """
import sys
from pathlib import Path
from openmer.files import replace_file, replace_folder
root, mark = Path(sys.argv[1]), sys.argv[2].encode()
print("ready", flush=True)
for turn in range(40):
    replace_file(root / "file", mark * 50_000)
    with replace_folder(root / "folder") as place:
        for name in "abc":
            (place / name).write_bytes(mark * 1000)
"""


@is_linux
def test_two_processes_that_write_one_path_never_mix(tmp_path):
    with python(_MANY, tmp_path, "x") as one, python(_MANY, tmp_path, "y") as other:
        while one.poll() is None or other.poll() is None:
            if (tmp_path / "file").exists():
                assert len(set((tmp_path / "file").read_bytes())) == 1
                assert (tmp_path / "file").stat().st_size == 50_000
            time.sleep(0.005)
    assert (one.returncode, other.returncode) == (0, 0)
    assert len({(tmp_path / "folder" / name).read_bytes() for name in "abc"}) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


@is_linux
@pytest.mark.slow
def test_kills_at_any_moment_leave_old_or_new(tmp_path):
    for turn in range(20):
        with python(_MANY, tmp_path, "xy"[turn % 2]) as process:
            process.stdout.readline()
            time.sleep(0.003 * turn)
            process.kill()
        if (tmp_path / "folder").exists():
            check_replaceable(tmp_path / "folder")
            assert len({(tmp_path / "folder" / name).read_bytes() for name in "abc"}) == 1
    replace_file(tmp_path / "file", b"end")
    names = {p.name for p in tmp_path.iterdir()}
    assert "file" in names <= {"file", "folder"}  # a slow machine may not come to the folder


# Names


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=300))
def test_a_chosen_name_fits_and_short_ones_stay(name):
    short = short_name(name)
    assert len(os.fsencode(short)) <= 200
    assert (short == name) == (len(os.fsencode(name)) <= 200)


def test_long_names_that_begin_alike_stay_apart():
    for name in ("v" * 201, "é" * 200 + "a"):
        assert 198 <= len(os.fsencode(short_name(name))) <= 200
    assert short_name("é" * 200 + "a") != short_name("é" * 200 + "b")


def synced(monkeypatch):
    """Record which files and folders are waited for, by their device and number."""
    seen = set()

    def fsync(descriptor, real=os.fsync):
        found = os.fstat(descriptor)
        seen.add((found.st_dev, found.st_ino))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def inode(path):
    found = path.stat()
    return found.st_dev, found.st_ino


def _replace_several(path):
    replace_files({path: b"1"})


def _move(path):
    (path.parent / "made").write_bytes(b"1")
    move_file(path.parent / "made", path)


def _write(path):
    with writing_file(path) as temporary:
        temporary.write_bytes(b"1")


@pytest.mark.parametrize(
    "write",
    [lambda p: replace_file(p, b"1"), _write, _replace_several, _move, lambda p: fill(p, {})],
)
def test_a_name_is_on_the_disk_and_then_sent_when_the_writing_returns(tmp_path, monkeypatch, write):
    named, real, sent = [], os.fsync, []
    monkeypatch.setattr(files, "send", sent.append)

    def fsync(descriptor):
        if os.fstat(descriptor).st_ino == tmp_path.stat().st_ino:
            named.append((tmp_path / "x").exists())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path / "x")
    assert (named, sent) == ([True], [tmp_path / "x"])


@pytest.mark.parametrize(("mode", "may"), [(0o700, True), (0o500, False), (0o600, False)])
def test_a_folder_must_be_writable_and_enterable(tmp_path, monkeypatch, mode, may):
    """Who runs the tests may be root, whom the system asks for nothing."""
    monkeypatch.setattr(os, "access", lambda _, asked: mode >> 6 & asked == asked)
    with nullcontext() if may else pytest.raises(DataError, match="cannot be written to"):
        check_replaceable(tmp_path / "f")


def test_an_old_folder_that_cannot_be_removed_is_no_error(tmp_path, monkeypatch):
    fill(tmp_path / "f", {"a": b"1"})
    monkeypatch.setattr(files, "_exchange", lambda *_: False)
    real = os.rmdir

    def rmdir(path, **options):
        if str(path).endswith(".old"):
            raise PermissionError(errno.EACCES, "no")
        real(path, **options)

    monkeypatch.setattr(os, "rmdir", rmdir)
    fill(tmp_path / "f", {"c": b"3"})
    assert (tmp_path / "f" / "c").read_bytes() == b"3"


def test_what_others_keep_changing_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "mine").write_bytes(b"1")
    states = iter(range(100))
    monkeypatch.setattr(files, "_state", lambda _: next(states))
    with pytest.raises(DataError, match="Others keep replacing"):
        check_replaceable(tmp_path / "f")
    assert (tmp_path / "f" / "mine").read_bytes() == b"1"


@pytest.mark.parametrize("kind", ["copied", "streamed", "output"])
def test_below_a_url_only_outputs_are_written(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("OPENMER_STAND_INS", "")
    add_stand_in(tmp_path / "there", "memory://x", kind)
    monkeypatch.setattr(files, "send", lambda _: None)
    only_read = pytest.raises(DataError, match="memory://x/a is only read here")
    with nullcontext() if kind == "output" else only_read:
        replace_file(tmp_path / "there" / "a", b"1")
    assert (tmp_path / "there" / "a").exists() == (kind == "output")


def test_every_file_and_folder_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    seen = synced(monkeypatch)
    replace_files({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    assert {inode(tmp_path / "a"), inode(tmp_path / "b")} <= seen
    with replace_folder(tmp_path / "deep" / "folder") as hidden:
        (hidden / "inner").mkdir()
        (hidden / "inner" / "file").write_bytes(b"3")
    folder = tmp_path / "deep" / "folder"
    wanted = (folder, folder / "inner", folder / "inner" / "file")
    assert {inode(path) for path in wanted} <= seen


@pytest.mark.parametrize(
    ("code", "is_fatal"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)]
)
def test_only_a_disk_that_cannot_wait_for_a_folder_is_forgiven(
    tmp_path, monkeypatch, code, is_fatal
):
    def fsync(descriptor, real=os.fsync):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(DataError) if is_fatal else nullcontext():
        fill(tmp_path / "folder", {"file": b"1"})
    assert (tmp_path / "folder").exists() != is_fatal


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files by /proc")
def test_no_file_stays_open(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(5):
        with replace_folder(tmp_path / f"folder{number}") as hidden:
            (hidden / "file").write_bytes(b"1")
        replace_file(tmp_path / "file", b"2")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_name_of_exactly_the_limit_stays_as_it_is():
    assert short_name("a" * 200) == "a" * 200
    assert len(short_name("a" * 201)) == len(short_name("a" * 202)) == 200


def test_a_system_that_cannot_swap_names_says_so(tmp_path, monkeypatch):
    def lacking(*_, **__):
        raise OSError("no C library")

    monkeypatch.setattr(files.ctypes, "CDLL", lacking)
    assert files._exchange(tmp_path / "a", tmp_path / "b") is False
    for content in (b"1", b"2"):
        fill(tmp_path / "f", {"a": content})
    assert (tmp_path / "f" / "a").read_bytes() == b"2"


@is_linux
def test_two_folders_swap_their_names(tmp_path):
    fill(tmp_path / "a", {"x": b"1"})
    fill(tmp_path / "b" / "c" / "d", {"y": b"2"})
    assert files._exchange(tmp_path / "a", tmp_path / "b" / "c" / "d") is True
    assert (tmp_path / "a" / "y").exists() and (tmp_path / "b" / "c" / "d" / "x").exists()
    assert files._exchange(tmp_path / "a", tmp_path / "none") is False


def test_a_folder_that_is_replaced_or_changed_is_in_another_state(tmp_path):
    states = []
    for content in (b"1", b"2"):
        fill(tmp_path / "f", {"a": content})
        states.append(files._state(tmp_path / "f"))
    time.sleep(0.05)
    (tmp_path / "f" / "b").write_bytes(b"3")
    states.append(files._state(tmp_path / "f"))
    assert len(set(states)) == 3 and states[-1] == files._state(tmp_path / "f")


@pytest.mark.parametrize(
    ("place", "concerned"),
    [
        (None, True),
        ("f", True),
        ("f/below/x", True),
        (".", True),
        ("f2", False),
        ("other/f", False),
        (".gMARK", True),
        (".gMARK/x", True),
        ("plain.tmp", False),
    ],
)
def test_which_errors_are_of_the_writing(tmp_path, place, concerned):
    found = place and str(tmp_path / place).replace("MARK", unique_mark())
    assert files._concerns(found, tmp_path / "f") is concerned


def test_a_temporary_folder_may_be_gone_at_the_end(tmp_path):
    with temporary_folder("x", inside=tmp_path) as folder:
        folder.rmdir()
    assert list(tmp_path.iterdir()) == []


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_safe_name_is_taken_by_every_system_and_tells_texts_apart(one, other):
    name = safe_name(one)
    assert (safe_name(other) == name) == (one == other)
    assert 0 < len(name) <= 200 and name.isascii()
    assert not set(name) & set('/\\:*?"<>| ') and not name.startswith(".")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("s06", "s06"),
        ("..", "%2E."),
        ("CON", "%43ON"),
        ("nul.txt", "%6Eul.txt"),
        ("a b/c", "a%20b%2Fc"),
        ("被", "%E8%A2%AB"),
    ],
)
def test_names_as_they_are_on_disk(text, name):
    assert safe_name(text) == name


def test_bytes_of_a_name_that_are_no_text_are_written_as_escapes(tmp_path):
    replace_file(tmp_path / "a", "v\udcff")
    assert (tmp_path / "a").read_bytes() == b"v\\udcff"
    assert readable("v\udcff é") == "v\\udcff é"
