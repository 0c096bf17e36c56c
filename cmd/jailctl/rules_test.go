package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
)

func (f *fake) Rules() (control.Rules, error) {
	rule := func(family int, about, proto string, drop bool, n uint64) control.Rule {
		return control.Rule{Family: family, About: about, Proto: proto, Ports: map[bool]string{true: "5060"}[proto != ""], Drop: drop, Packets: n, Bytes: n * 400}
	}
	return control.Rules{Enabled: !f.broken, Chain: "pbxjail-sip", Rules: []control.Rule{
		rule(4, "other ports", "udp", false, 999), rule(4, "protected 198.51.100.1/32", "", false, 5), rule(4, "protected 198.51.100.2/32", "", false, 6),
		rule(4, "agent sipcli", "udp", true, 3), rule(4, "agent sipcli", "tcp", true, 1),
		rule(6, "agent sipcli", "udp", true, 4),
	}}, nil
}

// jailctl runs a command line without a daemon, or with the one at socket.
func jailctl(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, now: time.Now}
	root := newRoot(a)
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		code = 1
		errs.WriteString(err.Error() + "\nhint: " + hint.Of(err))
	}
	return out.String(), errs.String(), code
}

func TestRulesTable(t *testing.T) {
	f := newFake()
	socket := serveTest(t, f)
	got, _, code := jailctl(t, "rules", "--socket", socket)
	want := "RULE                    PROTO  PORTS  PACKETS  BYTES\n" +
		"protected: let through  -      -      11       4400\n" +
		"agent sipcli            udp    5060   7        2800\n" +
		"agent sipcli            tcp    5060   1        400\n"
	if got != want || code != 0 {
		t.Errorf("got %d\n%s\nwant\n%s", code, got, want)
	}
	if got, _, _ := jailctl(t, "rules", "--json", "--socket", socket); !strings.Contains(got, `"about": "other ports"`) {
		t.Errorf("json: got %s, want every rule", got)
	}
	f.broken = true
	if got, _, _ := jailctl(t, "rules", "--socket", socket); got != "packet rules are off, so they drop no packets. To drop packets of well-known scanners, write into /etc/pbxjail/pbxjail.yaml: packet_rules: {enabled: true, agents: seed}; then: jailctl reload\n" {
		t.Errorf("off: got %s", got)
	}
}

func TestRulesFormat(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("asterisk/iax.conf", "[office]\ntype=friend\nhost=192.0.2.9\n[far]\ntype=friend\nhost=iax.example.net\n")
	write("asterisk/pjsip.conf", "[trunk]\ntype=identify\nmatch=198.51.100.9\n")
	write("agents/own.yaml", "agents: [{name: sipcli, level: off}, {name: acme, level: drop}, {name: acme phone, level: info}]\n")
	base := "asterisk: " + dir + "/asterisk\nuseragents: " + dir + "/agents\nignoreip: [198.51.100.7]\nignore_hosts: [trunk.example.org]\n"
	config := write("main.yaml", base)
	got, stderr, code := jailctl(t, "rules", "--format", "iptables-restore", "--config", config)
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{
		"*raw\n:pbxjail-sip - [0:0]\n", "-s 198.51.100.7/32 ", "-s 198.51.100.9/32 ", "-s 192.0.2.9/32 ",
		`"|0d0a|User-Agent: friendly-scanner"`, `"|0d0a|User-Agent: acme" -m string --algo bm --icase --from 28 --to 2048 ! --hex-string "|0d0a|User-Agent: acme phone"`,
		"# not let through, because names are not looked up here: ignore_hosts trunk.example.org\n", "# not let through, because names are not looked up here: iax.example.net (",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "sipcli") || strings.Contains(got, "Asterisk PBX") {
		t.Errorf("got an agent that is off, or honest, in\n%s", got)
	}

	// Who would be cut is named, unless forced.
	config = write("cut.yaml", base+"packet_rules: {iax_from: [203.0.113.0/24]}\n")
	_, stderr, code = jailctl(t, "rules", "--format", "nft", "--config", config)
	if code == 0 || !strings.Contains(stderr, "the rules would block your own phones or peers: 192.0.2.9/32 is not in iax_from (") || !strings.Contains(stderr, "hint: write their networks") {
		t.Errorf("got %d, %s, want a refusal that names 192.0.2.9", code, stderr)
	}
	got, stderr, code = jailctl(t, "rules", "--format", "nft", "--config", config, "--force")
	if code != 0 || !strings.Contains(got, "192.0.2.9") || !strings.Contains(got, "drop agent friendly-scanner") {
		t.Errorf("forced: got %d, %s\n%s", code, stderr, got)
	}
	got, _, _ = jailctl(t, "rules", "--format", "freepbx", "--family", "6", "--config", config, "--force")
	if !strings.Contains(got, "/etc/firewall-6.rules") || strings.Contains(got, "-s 192.0.2.9") {
		t.Errorf("freepbx: got\n%s", got)
	}

	for _, c := range [][]string{
		{"--format", "pf"}, {"--format", "nft", "--family", "5"}, {"--family", "6"}, {"--force"}, {"more"},
		{"--format", "nft", "--config", filepath.Join(dir, "none.yaml")},
		{"--format", "nft", "--config", write("bad.yaml", "useragents: "+dir+"/bad\n"), "--config", func() string {
			write("bad/x.yaml", "agents: [{name: x}]")
			return filepath.Join(dir, "bad.yaml")
		}()},
	} {
		if got, stderr, code := jailctl(t, append([]string{"rules"}, c...)...); code == 0 || got != "" || !strings.Contains(stderr, "hint: ") {
			t.Errorf("%q: got %d, %q, %q, want a refusal with a hint and nothing printed", c, code, got, stderr)
		}
	}
}
