"""install-hooks: one link, never over what somebody else has put there."""
import os
import pathlib
import subprocess

import pytest

BUILD = pathlib.Path(os.environ.get("TSIGATE_BUILD", ".")).resolve()
PLACES = {"certbot": ("renewal-hooks/deploy/tsigate", "certbot-hook"),
          "dehydrated": ("conf.d/zz-tsigate.sh", "dehydrated-conf.sh")}
BOTH = pytest.mark.parametrize("client", PLACES)


def install(*words):
    return subprocess.run([BUILD / "install-hooks", *map(str, words)], text=True,
                          capture_output=True, timeout=20)


def what_it_is(path):
    """Who only reads it changes nothing: without the time of access."""
    stat = path.lstat()
    return stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def place(folder, client):
    return folder / PLACES[client][0]


@BOTH
def test_installed_twice_and_removed(tmp_path, client):
    link = place(tmp_path, client)
    done = install("--dir", tmp_path, client)
    assert done.returncode == 0, done.stderr
    assert f"{link}: installed" in done.stdout and "rollover --dry-run" in done.stdout
    assert link.resolve() == BUILD / PLACES[client][1]
    again = install("--dir", tmp_path, client)
    assert again.returncode == 0 and f"{link}: installed already" in again.stdout
    gone = install("--uninstall", "--dir", tmp_path, client)
    assert gone.returncode == 0 and f"{link}: removed" in gone.stdout
    assert not link.is_symlink()
    assert "not installed" in install("--uninstall", "--dir", tmp_path, client).stdout


@BOTH
@pytest.mark.parametrize("uninstall", [[], ["--uninstall"]], ids=["install", "uninstall"])
@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
def test_foreign(tmp_path, client, kind, uninstall):
    hook = place(tmp_path, client)
    hook.parent.mkdir(parents=True)
    if kind == "file":
        hook.write_text("mine\n")
    else:
        hook.symlink_to("/bin/true" if kind == "link" else "/nowhere")
    before = what_it_is(hook)
    done = install(*uninstall, "--dir", tmp_path, client)
    assert done.returncode == 1 and "left alone" in done.stderr
    assert what_it_is(hook) == before


@BOTH
def test_a_hook_that_is_not_there(tmp_path, client):
    """As in the source tree: a link to nothing would be passed over without a word."""
    alone = tmp_path / "install-hooks"
    alone.write_bytes((BUILD / "install-hooks").read_bytes())
    alone.chmod(0o755)
    done = subprocess.run([alone, "--dir", tmp_path / "etc", client], text=True,
                          capture_output=True, timeout=20)
    assert done.returncode == 4 and PLACES[client][1] in done.stderr
    assert not (tmp_path / "etc").exists()


@BOTH
def test_dry_run(tmp_path, client):
    done = install("--dry-run", "--dir", tmp_path, client)
    assert done.returncode == 0 and "would run: ln -s" in done.stdout
    assert list(tmp_path.iterdir()) == []
    install("--dir", tmp_path, client)
    done = install("--dry-run", "--uninstall", "--dir", tmp_path, client)
    assert "would run: rm" in done.stdout and place(tmp_path, client).is_symlink()


def test_dehydrated_without_a_folder_for_settings(tmp_path):
    assert "CONFIG_D=" in install("--dir", tmp_path, "dehydrated").stdout
    (tmp_path / "config").write_text("CONFIG_D=/etc/dehydrated/conf.d\n")
    assert "CONFIG_D=" not in install("--dir", tmp_path, "dehydrated").stdout


def test_lego_has_no_place():
    done = install("lego")
    assert done.returncode == 0
    assert f"--renew-hook {BUILD}/lego-hook" in done.stdout
    assert (BUILD / "lego-hook").exists()


def test_cannot_write(tmp_path):
    (tmp_path / "file").touch()
    assert install("--dir", tmp_path / "file", "certbot").returncode == 4


@pytest.mark.parametrize("words", [[], ["--dir"], ["apache"], ["certbot", "lego"], ["-x"]],
                         ids=" ".join)
def test_usage(words):
    done = install(*words)
    assert done.returncode == 2 and "certbot|dehydrated|lego" in done.stderr


@pytest.mark.parametrize("hook", ["certbot-hook", "lego-hook"])
def test_hooks_called_by_hand(hook):
    done = subprocess.run([BUILD / hook], text=True, capture_output=True, timeout=20,
                          env={"PATH": os.environ["PATH"]})
    assert done.returncode == 2 and "for " + hook.partition("-")[0] in done.stderr
