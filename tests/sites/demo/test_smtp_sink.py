"""The sink, its folder, and the commands that open and read it."""

import os
import signal
import smtplib
import socket
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from sites.demo.smtp_sink import SmtpSink, list_latest
from tests.waits import LAST_S, wait_until
from tests.workers import ROOT

EMAIL = (
    "From: a@exemple.example\r\nTo: {to}\r\nSubject: Essai {number}\r\nDate: Tue, 24 Nov 2026 10:00:00 +0100\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n\r\nBonjour {number}.\r\n"
)


def send(port, number=1, to="b@exemple.example"):
    with smtplib.SMTP("127.0.0.1", port, timeout=LAST_S) as line:
        line.sendmail("a@exemple.example", [to], EMAIL.format(to=to, number=number))


def test_each_message_is_a_file_that_reads_back(tmp_path):
    with SmtpSink(folder=tmp_path) as sink:
        send(sink.port, 1, to="../../etc/passwd@exemple.example")
        send(sink.port, 2)
    assert len(list(tmp_path.iterdir())) == 2
    last, first = list_latest(tmp_path)
    assert (last.email["Subject"], first.email["Subject"]) == ("Essai 2", "Essai 1")
    assert last.text.strip() == "Bonjour 2."
    assert last.html == ""
    assert [message.email["Subject"] for message in list_latest(tmp_path, recipient="PASSWD")] == ["Essai 1"]
    assert len(list_latest(tmp_path, limit=1)) == 1


def test_a_port_in_use_is_reported():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        SmtpSink(port=taken.getsockname()[1]).start()


@pytest.mark.slow
def test_the_command_stores_messages_until_stopped(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "manage.py", "smtp_sink", "--port", str(port), "--folder", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline().startswith("Receiving at 127.0.0.1:")
        send(port)
        wait_until(lambda: len(list_latest(tmp_path)) == 1)
        process.send_signal(signal.SIGTERM)
        result, _ = process.communicate(timeout=LAST_S)
        assert process.returncode == 0
        assert "1 message(s) received." in result
    finally:
        process.kill()
        process.communicate()


def test_the_command_that_reads(tmp_path, capsys):
    call_command("read_mail", folder=tmp_path)
    assert capsys.readouterr().out == "No message.\n"
    with SmtpSink(folder=tmp_path) as sink:
        send(sink.port, 1)
        send(sink.port, 2, to="c@exemple.example")
    call_command("read_mail", folder=tmp_path)
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].startswith("  1  ")
    assert "c@exemple.example  Essai 2" in listed[0]
    call_command("read_mail", "2", folder=tmp_path)
    printed = capsys.readouterr().out
    assert "Subject: Essai 1" in printed
    assert "Bonjour 1." in printed
    with pytest.raises(CommandError, match="no message number 3"):
        call_command("read_mail", "3", folder=tmp_path)
