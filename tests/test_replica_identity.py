"""Which node a data directory is, and which runs it has had."""

from __future__ import annotations

import errno
import os
import shutil

import apsw
import pytest
from people import PATIENCE
from stored import delete_history, says, wait_until

from gchatd.errors import StoreError
from gchatd.journal import folder as folders
from gchatd.journal import schema
from gchatd.journal.folder import FILE, NODE, node_identity
from gchatd.journal.reader import Reader, copy
from gchatd.journal.replica import Replica
from gchatd.journal.store import Writer
from gchatd.settings import History as Settings

# Which node it is, and in which run.


def test_a_directory_has_one_identity_for_ever_and_another_one_than_all_others(start_node, tmp_path):
    node, other = start_node(), start_node(tmp_path / "other")
    assert node.replica.identity != other.replica.identity
    for one in (node, other):
        assert len(one.replica.identity) == 16
        assert int(one.replica.identity, 16) >= 0
    node.close()
    delete_history(tmp_path)
    assert start_node().replica.identity == node.replica.identity
    assert (tmp_path / NODE).stat().st_mode & 0o777 == 0o600


def test_no_copy_has_the_identity_of_the_original(node, start_node, stream, tmp_path):
    stream.say(*"ab")
    node.deliver()
    wait_until(lambda: not node.replica.unstored)
    for name in ("backup", "cp -r"):
        (tmp_path / name).mkdir()
        copy(tmp_path, tmp_path / name / FILE)
    shutil.copy(tmp_path / NODE, tmp_path / "cp -r" / NODE)
    copies = [start_node(tmp_path / name) for name in ("backup", "cp -r")]
    assert [one.replica.last_id for one in copies] == [2, 2]
    assert len({one.replica.identity for one in (node, *copies)}) == 3


@pytest.mark.parametrize("garbage", [b"", b"abc", b"0123456789abcdef", b"\xff" * 200, b"0123456789abcdef 5x\n"])
def test_an_identity_that_makes_no_sense_is_replaced(tmp_path, garbage):
    (tmp_path / NODE).write_bytes(garbage)
    identity = node_identity(tmp_path)
    assert len(identity) == 16
    assert identity != "0123456789abcdef"
    assert node_identity(tmp_path) == identity
    assert [file.name for file in tmp_path.iterdir()] == [NODE]


def test_an_identity_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    (tmp_path / f"{NODE}.part").write_text("half of an earlier one")
    synced = []

    def fsync(file: int, fsync=os.fsync) -> None:
        synced.append((os.path.realpath(f"/proc/self/fd/{file}"), (tmp_path / NODE).exists()))
        fsync(file)

    monkeypatch.setattr(os, "fsync", fsync)
    node_identity(tmp_path)
    assert synced == [(str(tmp_path / f"{NODE}.part"), False), (str(tmp_path), True)]


def test_a_directory_that_cannot_be_named_or_used_is_told(tmp_path, node, monkeypatch):
    with pytest.raises(StoreError, match="in use by another gchat"):
        Replica(tmp_path, Settings())
    (tmp_path / "a" / NODE).mkdir(parents=True)
    with pytest.raises(StoreError, match=r"a/node: is a directory$"):
        Replica(tmp_path / "a", Settings())
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / FILE).write_bytes(b"not a database at all" * 500)
    for _ in range(2):  # the lock was released
        with pytest.raises(StoreError, match="not a gchat database"):
            Replica(tmp_path / "b", Settings())

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folders.os, "fsync", full)
    with pytest.raises(StoreError, match=r"node: no space left on device$"):
        Replica(tmp_path / "c", Settings())


def test_no_later_run_gets_a_number_that_was_noted_or_a_lower_one(node, tmp_path):
    assert node.replica.incarnation == 0
    node.replica.note_run(7)
    look = Reader(tmp_path)
    assert schema.value(look._db, "select incarnation from runs") == node.replica.incarnation == 7
    look.close()
    node.replica.note_run(5)
    assert node.replica.incarnation == 7
    delete_history(tmp_path)
    wait_until(lambda: not node.replica.live)
    node.catch_up()
    node.close()
    again = Replica(tmp_path, Settings())
    assert again.incarnation == 7
    again.close(PATIENCE)
    with pytest.raises(StoreError, match="the number of this run cannot be kept: closed"):
        again.note_run(9)


def test_a_number_is_on_the_disk_when_it_has_been_noted(tmp_path):
    writer, full = Writer(tmp_path, "normal"), []
    writer._db.set_wal_hook(lambda db, *_: full.append(db.pragma("synchronous") == 2) or apsw.SQLITE_OK)
    writer.note_run(3)
    says(writer, "hello")
    assert full[0]
    assert not any(full[1:])
    writer.close()


def test_a_number_that_cannot_be_kept_is_told(node, monkeypatch):
    def fails(*_):
        raise apsw.FullError("database or disk is full")

    with monkeypatch.context() as then:
        then.setattr(Writer, "note_run", fails)
        with pytest.raises(StoreError, match="the number of this run cannot be kept: the disk is full"):
            node.replica.note_run(9)
    assert node.replica.incarnation == 0
    node.replica.note_run(9)
    assert node.replica.incarnation == 9
