"""tsigate import and export: between BIND's update-policy and an ACL.

Policies made at random go there and back with the same rights, and what an import grants
is never more than a model of BIND's first-match rules does.
"""
import json
import pathlib
import random
import re
import shutil
import subprocess

import pytest

from test_tool import PROFILES, SECRET, TSIGATE, Site, site  # noqa: F401

SECRETS = [(letter * 42 + "A=") for letter in "ABEIMQUYcg"]
KEYS = ["k1", "k2.example.org", "h.s.example.org", "*.odd.example.org"]
needs_checkconf = pytest.mark.skipif(not shutil.which("named-checkconf"),
                                     reason="named-checkconf is missing")
needs_knotc = pytest.mark.skipif(not shutil.which("knotc"), reason="knotc is missing")


def key_statements(names=KEYS):
    return "".join(f'key "{name}" {{ algorithm "hmac-sha256"; secret "{secret}"; }};\n'
                   for name, secret in zip(names, SECRETS))


def named_conf(policies, keys=KEYS):
    """policies: {zone: text of its rules}."""
    return key_statements(keys) + "".join(
        f'zone "{zone}" {{\n\ttype primary;\n\tfile "{zone}.zone";\n'
        f'\tupdate-policy {{\n{rules}\n\t}};\n}};\n' for zone, rules in policies.items())


class Imported:
    def __init__(self, folder, text, *options, name="out", source="-"):
        self.out = folder / name
        self.done = subprocess.run(
            [TSIGATE, "import", "--json", "--profiles", PROFILES, "--out", self.out,
             *options, source], input=text, text=True, capture_output=True, timeout=20)
        self.json = json.loads(self.done.stdout) if self.done.stdout else None

    @property
    def acl(self):
        return (self.out / "acl" / "imported.acl").read_text()

    def grants(self):
        """The lines of hosts' blocks, without comments."""
        hosts = self.acl[self.acl.find("\nhost "):].splitlines()
        return [line.split(" #")[0].strip() for line in hosts if line.strip()]

    def fates(self):
        return [(remark["fate"], remark["line"]) for remark in self.json["remarks"]]

    def rights(self):
        done = subprocess.run([TSIGATE, "rights", "--json", "-c", self.out / "tsigate.conf"],
                              text=True, capture_output=True, timeout=20, check=True)
        return json.loads(done.stdout)


def one_zone(folder, rules, *options, zone="example.org", keys=KEYS):
    return Imported(folder, named_conf({zone: rules}, keys), *options)


# ---- rules ---------------------------------------------------------------------------

@pytest.mark.parametrize("rules, grants", [
    ('grant k1 name a.example.org A;', ["host k1", "bind-a a.example.org"]),
    ('grant k1 name _acme-challenge.a.example.org TXT;', ["host k1", "acme a.example.org"]),
    ('grant k1 name _25._tcp.a.example.org TLSA;', ["host k1", "tlsa a.example.org 25/tcp"]),
    ('grant k1 name _70000._tcp.a.example.org TLSA;',
     ["host k1", "bind-tlsa _70000._tcp.a.example.org"]),
    ('grant k1 name _acme-challenge.a.example.org TXT A;',
     ["host k1", "bind-a-txt _acme-challenge.a.example.org"]),
    ('grant k1 subdomain a.example.org A;',
     ["host k1", "bind-a a.example.org", "bind-a **.a.example.org broad"]),
    ('grant k1 subdomain org A;',
     ["host k1", "bind-a example.org", "bind-a **.example.org broad"]),
    ('grant k1 zonesub A;', ["host k1", "bind-a example.org", "bind-a **.example.org broad"]),
    ('grant k1 wildcard *.a.example.org A;', ["host k1", "bind-a **.a.example.org broad"]),
    ('grant k1 name *.a.example.org A;', ["host k1", r"bind-a \042.a.example.org"]),
    ('grant k1 name "{host}.example.org" A;', ["host k1", r"bind-a \123host\125.example.org"]),
    ('grant k2.example.org self . A;', ["host k2.example.org", "bind-a k2.example.org"]),
    ('grant k2.example.org selfsub . A;',
     ["host k2.example.org", "bind-a k2.example.org", "bind-a **.k2.example.org broad"]),
    ('grant k2.example.org selfwild . A;',
     ["host k2.example.org", "bind-a **.k2.example.org broad"]),
    ('grant *.example.org self . A;',
     ["host k2.example.org", "bind-a k2.example.org",
      "host h.s.example.org", "bind-a h.s.example.org",
      r"host \042.odd.example.org", r"bind-a \042.odd.example.org"]),
    ('grant nokey name a.example.org A;', ["host nokey", "bind-a a.example.org"]),
    ('grant k1 name a.example.org NS;', ["host k1", "bind-ns a.example.org"]),
    ('deny k2.example.org name a.example.org A; grant k1 name a.example.org A;',
     ["host k1", "bind-a a.example.org"]),
    ('deny k1 name a.example.org A; grant k1 subdomain a.example.org A;',
     ["host k1", "bind-a **.a.example.org broad"]),
    ('deny k1 name a.example.org A; grant k1 name a.example.org A TXT;',
     ["host k1", "bind-txt a.example.org"]),
    ('grant k1 name a.example.org A; deny k1 name a.example.org A; '
     'grant k1 wildcard *.example.org A;',
     ["host k1", "bind-a a.example.org", "bind-a **.example.org broad"]),
    ('deny k1 name a.example.org; grant k1 name a.example.org NS;',
     ["host k1", "bind-ns a.example.org"]),
    ('deny X ms-self . A; grant k1 name a.example.org A;',
     ["host k1", "bind-a a.example.org"]),
])
def test_carried_over(tmp_path, rules, grants):
    assert one_zone(tmp_path, rules).grants() == grants


@pytest.mark.parametrize("rule, why", [
    ('grant R ms-self . A;', "GSS-TSIG"),
    ('grant R krb5-subdomain example.org A;', "GSS-TSIG"),
    ('grant k1 external x A;', "something else"),
    ('grant * tcp-self . PTR;', "something else"),
    ('grant k1 name a.example.net A;', "gives no key anything"),
    ('grant k1 name a.example.org MX;', "no profile may name"),
    (r'grant k1 name "a\.b.example.org" A;', "cannot be spelt"),
    ('deny k1 zonesub ANY; grant k1 name a.example.org A;', "a deny before it"),
    ('deny * tcp-self . A; grant k1 name a.example.org A;', "a deny before it"),
    ('deny k1 name a.b.example.org A; grant k1 wildcard *.example.org A;', "of its midst"),
    (r'deny k1 name "a\.b.example.org" A; grant k1 name b.example.org A;',
     "a deny before it"),
    ('grant k1 wildcard *.a.example.org CAA;', "no pattern reaches CAA"),
])
def test_left_out(tmp_path, rule, why):
    imported = one_zone(tmp_path, rule)
    assert imported.done.returncode == 1
    assert "host k1" not in imported.acl
    told = imported.json["remarks"]
    assert [r for r in told if r["fate"] == "left-out" and why in r["message"]], told


@pytest.mark.parametrize("rule, why", [
    ('grant k1 zonesub;', "all types"),
    ('grant k1 name a.example.org ANY;', "all types"),
    ('grant k1 name a.example.org A MX;', "MX is a type"),
    ('deny k1 name a.example.org A; grant k1 subdomain a.example.org A;', "a deny before it"),
])
def test_narrowed(tmp_path, rule, why):
    imported = one_zone(tmp_path, rule)
    assert imported.done.returncode == 1 and "host k1" in imported.acl
    told = imported.json["remarks"]
    assert [r for r in told if r["fate"] == "narrowed" and why in r["message"]], told


def test_any_is_all_that_is_not_dangerous(tmp_path):
    types = {right["type"] for right in one_zone(tmp_path, "grant k1 zonesub;").rights()}
    assert {"A", "AAAA", "TXT", "CAA", "SRV", "TLSA"} <= types
    assert not types & {"NS", "DS", "DNSKEY", "KEY", "SOA", "CNAME"}


def test_a_pattern_stops_at_no_zone_and_is_left_out(tmp_path):
    text = named_conf({"example.org": "grant k1 zonesub A;",
                       "sub.example.org": "grant k1 name x.sub.example.org A;"})
    imported = Imported(tmp_path, text)
    assert imported.grants() == ["host k1", "bind-a example.org", "bind-a x.sub.example.org"]
    assert [r for r in imported.json["remarks"]
            if "those of zone sub.example.org" in r["message"]]


def test_other_ways_to_update_are_told(tmp_path):
    text = ('zone "a.org" { update-policy local; };\n'
            'zone "b.org" { allow-update { key "k"; }; };\n'
            'zone "c.org" { allow-update { "none"; }; };\n'
            'view "v" { zone "d.org" { update-policy { grant "k1" zonesub "A"; }; }; };\n'
            'view "w" { zone "d.org" { update-policy { grant "k1" zonesub "TXT"; }; }; };\n')
    imported = Imported(tmp_path, key_statements(["k1"]) + text)
    assert [(r["fate"], r["subject"]) for r in imported.json["remarks"]] == [
        ("left-out", "a.org"), ("left-out", "b.org"), ("left-out", "d.org")]


def test_shadow(tmp_path):
    imported = one_zone(
        tmp_path, "grant k1 name _acme-challenge.a._s.example.org TXT;\n"
        "grant k1 wildcard *._s.example.org A;\ngrant k1 name _s.example.org A;\n",
        "--shadow", "example.org=_s.example.org", zone="_s.example.org")
    assert imported.grants() == ["host k1", "acme a.example.org",
                                 "bind-a **.example.org broad"]
    assert [fate for fate in imported.fates() if fate[0] != "note"] == [("left-out", 11)]
    assert 'of = "example.org"; at = "_s.example.org"' in (
        imported.out / "tsigate.conf").read_text()


@pytest.mark.parametrize("shadow, said", [
    ("example.org", "OF=AT"), ("example.net=_s.example.net", "no zone"),
    ("_s.example.org=_s.example.org", "itself")])
def test_bad_shadow(tmp_path, shadow, said):
    imported = one_zone(tmp_path, "grant k1 zonesub A;", "--shadow", shadow,
                        zone="_s.example.org")
    assert imported.done.returncode == 2 and said in imported.done.stderr
    assert not imported.out.exists()


# ---- files ---------------------------------------------------------------------------

def test_keys(tmp_path):
    text = ('key "md5" { algorithm "hmac-md5"; secret "%s"; };\n' % SECRETS[8] +
            named_conf({"example.org": "grant k1 zonesub A; grant md5 name a.example.org A;"}))
    imported = Imported(tmp_path, text)
    keys = imported.out / "keys"
    assert [path.name for path in keys.iterdir()] == ["k1.key"]
    assert (keys / "k1.key").stat().st_mode & 0o7777 == 0o600
    assert f'secret "{SECRETS[0]}"' in (keys / "k1.key").read_text()
    assert "hmac-md5 is not offered" in imported.done.stdout
    for secret in SECRETS:
        assert secret not in imported.done.stdout + imported.done.stderr + imported.acl


def test_nothing_is_written_over(tmp_path):
    one_zone(tmp_path, "grant k1 zonesub A;")
    acl = (tmp_path / "out" / "acl" / "imported.acl").read_text()
    again = one_zone(tmp_path, "grant k1 zonesub TXT;")
    assert again.done.returncode == 4 and "is there already" in again.done.stderr
    assert again.acl == acl


def test_bad_text(tmp_path):
    imported = Imported(tmp_path, 'zone "a" {\n  # secret\n};\n')
    assert imported.done.returncode == 3
    assert imported.done.stderr.startswith("<stdin>:2:3: ")
    assert "secret" not in imported.done.stderr and not imported.out.exists()


def test_usage(tmp_path):
    for words in (["x"], ["--out", tmp_path / "o"], ["--out", tmp_path / "o", "x", "y"]):
        done = subprocess.run([TSIGATE, "import", *words], capture_output=True, text=True)
        assert done.returncode == 2 and "wanted" in done.stderr


@needs_checkconf
def test_includes(tmp_path):
    (tmp_path / "more.conf").write_text(
        'zone "example.org" { type primary; file "z"; // a comment\n'
        '  update-policy { grant k1 name a.example.org A; }; };\n')
    conf = tmp_path / "named.conf"
    conf.write_text(f'# comments\n{key_statements()}include "{tmp_path}/more.conf";\n')
    imported = Imported(tmp_path, "", source=str(conf))
    assert imported.done.returncode == 0, imported.done.stderr
    assert imported.grants() == ["host k1", "bind-a a.example.org"]
    (tmp_path / "more.conf").write_text(
        'zone "EXAMPLE.org" { type primary; file "z"; /* }; */ update-policy {\n'
        '  # grant k1 name b.example.org TXT;\n'
        '  grant k1 name a.example.org A;\n'
        '  grant k1 ms-self . A; }; };\n')
    conf.write_text(f'zone "other.org" {{ type primary; file "y"; }};\n{key_statements()}'
                    f'include "{tmp_path}/more*";\n')
    placed = Imported(tmp_path, "", source=str(conf), name="out1")
    assert [(pathlib.Path(remark["file"]).name, remark["line"], remark["subject"])
            for remark in placed.json["remarks"]] == [
        ("more.conf", 4, "grant k1 ms-self . A"), *(
            ("named.conf", line, f"key {name}".replace("*", r"\042")) for line, name in enumerate(KEYS[1:], 3))]
    assert f"# {tmp_path}/more.conf:3\n" in placed.acl
    conf.write_text("zone {")
    broken = Imported(tmp_path, "", source=str(conf), name="out2")
    assert broken.done.returncode == 3 and "says why" in broken.done.stderr


def test_without_checkconf(tmp_path):
    done = subprocess.run([TSIGATE, "import", "--out", tmp_path / "o", "x"], text=True,
                          capture_output=True, env={"PATH": str(tmp_path)})
    assert done.returncode == 4 and "apt-get install bind9-utils" in done.stderr


# ---- never more than BIND ------------------------------------------------------------

ZONE = "example.org"
NAMES = ["example.org", "a.example.org", "b.a.example.org", "c.b.a.example.org",
         "k2.example.org", "x.k2.example.org", "h.s.example.org", "y.h.s.example.org",
         "s.example.org", "n.example.org"]
TYPES = ["A", "TXT", "NS", "SRV"]


def below(name, base):
    return name.endswith("." + base)


def bind_fits(rule, key, name, rtype):
    identity, kind, target, types = rule[1:]
    if identity.startswith("*"):
        if not below(key, identity[2:]) and identity != "*":
            return False
    elif identity != key:
        return False
    if types and "ANY" not in types and rtype not in types or not types and rtype == "NS":
        return False
    base = {"zonesub": ZONE}.get(kind, key if kind.startswith("self") else target)
    if kind == "wildcard" or kind == "selfwild":
        return below(name, base.removeprefix("*."))
    if kind == "name" or kind == "self":
        return name == base
    return name == base or below(name, base)


def bind_grants(rules, key, name, rtype):
    for rule in rules:
        if bind_fits(rule, key, name, rtype):
            return rule[0] == "grant"
    return False


def random_rule(rng):
    kind = rng.choice(["name", "subdomain", "zonesub", "wildcard", "self", "selfsub",
                       "selfwild"])
    target = rng.choice(NAMES)
    target = {"wildcard": "*." + target, "zonesub": ""}.get(
        kind, "." if kind.startswith("self") else target)
    types = rng.choice([["A"], ["TXT"], ["A", "TXT"], ["NS"], ["SRV", "A"], ["ANY"], []])
    identity = rng.choice(KEYS[:3] + ["*", "*.example.org"])
    return (rng.choice(["grant", "grant", "deny"]), identity, kind, target, types)


def acl_reaches(owner, name):
    if owner.startswith("**."):
        return below(name, owner[3:]) and name != ZONE
    return owner == name


@pytest.mark.parametrize("seed", range(60))
def test_never_more_than_bind(tmp_path, seed):
    rng = random.Random(seed)
    rules = [random_rule(rng) for _ in range(rng.randint(1, 8))]
    text = "\n".join(f'{r[0]} "{r[1]}" {r[2]} {r[3]} {" ".join(r[4])};' for r in rules)
    imported = one_zone(tmp_path, text, "--plain", keys=KEYS[:3])
    assert imported.json is not None, imported.done.stderr
    rights = imported.rights()
    is_whole = not [r for r in imported.json["remarks"]
                    if "a deny before it" in r["message"] or "key anything" in r["message"]]
    for key in KEYS[:3]:
        mine = [r for r in rights if r["host"] == key]
        for name in NAMES:
            for rtype in TYPES:
                granted = any(acl_reaches(r["owner"], name) and r["type"] == rtype
                              for r in mine)
                bind = bind_grants(rules, key, name, rtype)
                assert not granted or bind, (key, name, rtype, text, imported.acl)
                if is_whole and rtype != "NS" and name != ZONE:
                    assert granted == bind, (key, name, rtype, text, imported.acl)


# ---- there and back ------------------------------------------------------------------

SITE_TYPES = ["A", "AAAA", "TXT", "SRV", "SSHFP", "URI", "CAA", "DS", "NS"]
PROFILE = """profile p%d
    owner {name}
    type  %s
    ttl   0..2147483647
    may   add delete delete-rrset delete-name prereq prereq-any
%s"""


def random_acl(rng):
    profiles, lines = [], []
    for number in range(4):
        types = rng.sample(SITE_TYPES, rng.randint(1, 4))
        is_dangerous = {"DS", "NS"} & set(types)
        profiles.append(types)
        lines.append(PROFILE % (number, " ".join(types),
                                "    dangerous\n" if is_dangerous else ""))
    for host in ["mx1.example.org", "mx2.example.org", "solo"]:
        lines.append(f"host {host}")
        for _ in range(rng.randint(1, 8)):
            zone = rng.choice(["example.org", "dyn.example.org"])
            base = ".".join([rng.choice("abc") for _ in range(rng.randint(1, 3))] + [zone])
            number = rng.randrange(4)
            if rng.random() < .25:
                lines.append(f"    acme {base}")
            elif rng.random() < .2:
                lines.append(f"    tlsa {base} {rng.choice([25, 443, 0])}/"
                             f"{rng.choice(['tcp', 'udp', 'sctp'])}")
            elif rng.random() < .4 and "CAA" not in profiles[number]:
                lines.append(f"    p{number} **.{base} broad")
            else:
                lines.append(f"    p{number} {base}")
    return "\n".join(lines) + "\n"


def wrap(export):
    """named.conf with what `export bind` printed."""
    policies = dict(re.findall(r'// in zone "([^"]+)":\nupdate-policy \{\n(.*?)\n\};', export,
                               re.S))
    return named_conf(policies, ["mx1.example.org", "mx2.example.org", "solo", "gateway"])


def printed(text):
    """What named-checkconf -p makes of it: no comments."""
    return re.sub(r"(?m)^\s*//.*\n|(?<=;) //.*$", "", text)


@pytest.mark.parametrize("seed", range(40))
def test_there_and_back(tmp_path, seed):
    site = Site(tmp_path, random_acl(random.Random(seed)))
    done = site.run("export", "bind", "--per-right")
    assert (done.returncode, done.stderr) == (0, "")
    assert "left out" not in done.stdout
    imported = Imported(tmp_path, printed(wrap(done.stdout)), "--shadow",
                        "example.org=_s.example.org")
    assert imported.done.returncode == 0, imported.done
    diff = site.run("diff", tmp_path / "site.acl", imported.out / "acl")
    assert (diff.returncode, diff.stdout) == (0, ""), diff


@pytest.mark.parametrize("target", ["bind", "knot"])
def test_export_tells_of_validity(tmp_path, target):
    """No primary looks at it."""
    keys = ("host a.dyn.example.org\n"
            "    key now not-before 2001-01-01T00:00:00Z\n"
            "    key later not-before 2099-01-01T00:00:00Z\n"
            "    key gone not-after 2001-01-01T00:00:00Z\n"
            "    key short not-after 2098-01-01T00:00:00Z\n"
            "    note a.dyn.example.org\n")
    profile = "profile note\n owner {name}\n type TXT\n"
    text = Site(tmp_path, profile + keys).run("export", target, "--per-right").stdout
    assert text.count("not-before 2099-01-01T00:00:00Z") == 1
    assert text.count("not-after 2098-01-01T00:00:00Z") == 1
    assert "2001-" not in text and "gone" not in text and "now" in text


def test_there_and_back_tells_a_right_apart(tmp_path):
    """The near miss: a right that is taken away on the way is seen."""
    site = Site(tmp_path, random_acl(random.Random(1)))
    text = printed(wrap(site.run("export", "bind", "--per-right").stdout))
    lines = text.splitlines(keepends=True)
    lines.remove([line for line in lines if "grant" in line][-1])
    imported = Imported(tmp_path, "".join(lines), "--shadow", "example.org=_s.example.org")
    assert site.run("diff", tmp_path / "site.acl", imported.out / "acl").returncode == 1


@needs_checkconf
@pytest.mark.parametrize("options", [[], ["--per-right"]], ids=["gateway", "per-right"])
@pytest.mark.parametrize("seed", range(5))
def test_named_takes_an_export(tmp_path, seed, options):
    site = Site(tmp_path, random_acl(random.Random(seed)))
    conf = tmp_path / "named.conf"
    conf.write_text(wrap(site.run("export", "bind", *options).stdout))
    done = subprocess.run(["named-checkconf", conf], text=True, capture_output=True)
    assert (done.returncode, done.stdout) == (0, ""), done
    imported = Imported(tmp_path, "", "--shadow", "example.org=_s.example.org",
                        source=str(conf))
    if options:
        diff = site.run("diff", tmp_path / "site.acl", imported.out / "acl")
        assert (diff.returncode, diff.stdout) == (0, ""), diff


@needs_knotc
@pytest.mark.parametrize("options", [[], ["--per-right"]], ids=["gateway", "per-right"])
@pytest.mark.parametrize("seed", range(5))
def test_knot_takes_an_export(tmp_path, seed, options):
    site = Site(tmp_path, random_acl(random.Random(seed)))
    keys = ["mx1.example.org", "mx2.example.org", "solo", "gateway"]
    conf = tmp_path / "knot.conf"
    conf.write_text("key:\n" + "".join(
        f"  - id: {key}.\n    algorithm: hmac-sha256\n    secret: {SECRETS[0]}\n"
        for key in keys) + site.run("export", "knot", *options).stdout)
    done = subprocess.run(["knotc", "-c", conf, "conf-check"], text=True,
                          capture_output=True)
    assert done.returncode == 0 and "valid" in done.stdout, (done, conf.read_text())


def test_what_a_primary_does_not_look_at_is_said(site):
    for target in ("bind", "knot"):
        text = site.run("export", target, "--per-right").stdout
        assert "but for: check tlsa 3-1-1 2-1-1, ttl 60..300" in text
        assert "from 192.0.2.26,2001:db8::/32" in text
        assert "left out" in text and "_acme-challenge.**.lab.example.org" in text
    assert "address: [ 192.0.2.26/32, 2001:db8::/32 ]" in text


def test_export_for_the_gateway(site):
    text = site.run("export", "bind").stdout
    assert 'grant "gateway" wildcard "*._s.example.org" TXT TLSA;' in text
    assert 'grant "gateway" zonesub TXT;' in text
    assert "mx1" not in text


@pytest.mark.parametrize("words", [[], ["bind", "knot"], ["nsd"], ["--json", "bind"]])
def test_export_usage(site, words):
    assert site.run("export", *words).returncode == 2


def test_profiles_of_the_configuration_at_hand(site, tmp_path):
    done = subprocess.run([TSIGATE, "import", "-c", site.conf, "--out", tmp_path / "o", "-"],
                          input=named_conf({"a.org": "grant k1 zonesub A;"}), text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    assert f'profiles = "{PROFILES}"' in (tmp_path / "o" / "tsigate.conf").read_text()
