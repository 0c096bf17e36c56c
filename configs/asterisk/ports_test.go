package asterisk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pbxjail/configs/hint"
)

func TestPorts(t *testing.T) {
	const defaults = "sip 5060 5061 iax 4569 ami 5038 5039 http 8088 8089"
	tests := []struct {
		name    string
		files   map[string]string
		want    string
		problem string
	}{
		{name: "no files", want: defaults},
		{name: "empty files", files: map[string]string{"pjsip.conf": "", "sip.conf": "[general]\n", "iax.conf": "; nothing"}, want: defaults},
		{name: "transports", files: map[string]string{"pjsip.conf": `
[udp]
type=transport
protocol=udp
bind=0.0.0.0:5070
[six](udp)
bind=[::]:5071
[plain](udp)
bind=2001:db8::1
[secure]
type = transport
protocol = TLS
bind = 192.0.2.1
[web](udp)
protocol=wss
bind=0.0.0.0:9999
[template](!)
type=transport
bind=0.0.0.0:7777
[phone]
type=endpoint
bind=0.0.0.0:6666
`}, want: "sip 5060 5061 5070 5071 iax 4569 ami 5038 5039 http 8088 8089"},
		{name: "transports alone", files: map[string]string{"pjsip.conf": "[udp]\ntype=transport\nbind=0.0.0.0:5070\n"},
			want: "sip 5070 iax 4569 ami 5038 5039 http 8088 8089"},
		{name: "chan_sip", files: map[string]string{"sip.conf": `
[general]
bindport=5160
udpbindaddr=0.0.0.0
tcpbindaddr=0.0.0.0:5161
tlsbindaddr=[::]:5162
[phone]
port=5999
`}, want: "sip 5061 5160 5161 5162 iax 4569 ami 5038 5039 http 8088 8089"},
		{name: "both channels", files: map[string]string{"sip.conf": "[general]\nport=5160\n", "pjsip.conf": "#include pjsip.transports.conf\n",
			"pjsip.transports.conf": "[0.0.0.0-udp]\ntype=transport\nprotocol=udp\nbind=0.0.0.0:5060\n"},
			want: "sip 5060 5061 5160 iax 4569 ami 5038 5039 http 8088 8089"},
		{name: "others", files: map[string]string{
			"iax.conf":     "[general]\nbindport=4570\nbindaddr=192.0.2.1\nbindaddr=192.0.2.2:4571\n",
			"manager.conf": "[general]\nenabled=yes\nport=6038\nbindaddr=127.0.0.1\ntlsbindaddr=0.0.0.0:6039\n[admin]\nsecret=x\nport=1\n",
			"http.conf":    "[general]\nenabled=no\nbindport=80\ntlsbindaddr=0.0.0.0:443\n"},
			want: "sip 5060 5061 iax 4570 4571 ami 5039 6038 6039 http 80 443 8089"},
		{name: "wrong", files: map[string]string{"sip.conf": "[general]\nbindport=70000\nudpbindaddr=0.0.0.0:0\ntcpbindaddr=0.0.0.0:x\"\x1b\n"},
			want: defaults, problem: "is not a port"},
		{name: "too many", files: map[string]string{"pjsip.conf": many(40)},
			want: "sip " + strings.TrimSpace(strings.Join(numbers(32), " ")) + " iax 4569 ami 5038 5039 http 8088 8089", problem: "more than 32 ports"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range test.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ports, problems := Ports(dir)
			if got := portStory(ports); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if len(problems) > 0 != (test.problem != "") {
				t.Errorf("got problems %v", problems)
			}
			for _, err := range problems {
				if !strings.Contains(err.Error(), test.problem) || hint.Of(err) == "" || strings.Contains(err.Error(), "\x1b") {
					t.Errorf("got problem %q, hint %q", err, hint.Of(err))
				}
			}
		})
	}
}

func numbers(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint(6000+i))
	}
	return list
}

// many are so many transports.
func many(n int) string {
	var b strings.Builder
	for i, number := range numbers(n) {
		fmt.Fprintf(&b, "[t%d]\ntype=transport\nbind=0.0.0.0:%s\n", i, number)
	}
	return b.String()
}

func portStory(ports []Port) string {
	var words []string
	for i, p := range ports {
		if i == 0 || ports[i-1].Service != p.Service {
			words = append(words, p.Service.String())
		}
		words = append(words, fmt.Sprint(p.Number))
	}
	return strings.Join(words, " ")
}

// FuzzPorts: whatever the files hold, each service has a port, in order and bounded.
func FuzzPorts(f *testing.F) {
	f.Add("[a]\ntype=transport\nbind=0.0.0.0:5070\n[general]\nbindport=1\ntlsbindaddr=[::]:2\n")
	f.Add("[general]\nbindaddr=:::::\nport=\ntcpbindaddr=[:5\n")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		for _, name := range []string{"pjsip.conf", "sip.conf", "iax.conf", "manager.conf", "http.conf"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ports, _ := Ports(dir)
		count := map[Service]int{}
		for i, p := range ports {
			if count[p.Service]++; p.Number == 0 || count[p.Service] > maxServicePorts {
				t.Errorf("got port %v", p)
			}
			if i > 0 && (p.Service < ports[i-1].Service || p.Service == ports[i-1].Service && p.Number <= ports[i-1].Number) {
				t.Errorf("got %v after %v", p, ports[i-1])
			}
		}
		if len(count) != len(portDefaults) {
			t.Errorf("got services %v", count)
		}
	})
}

// TestEncryptedPorts: what is encrypted is known by its transport, its key, or its default.
func TestEncryptedPorts(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pjsip.conf":   "[u]\ntype=transport\nprotocol=udp\nbind=0.0.0.0:5070\n[t]\ntype=transport\nprotocol=tls\nbind=0.0.0.0:5443\n[both]\ntype=transport\nprotocol=tls\nbind=0.0.0.0:5070\n",
		"manager.conf": "[general]\nport=6038\ntlsbindaddr=0.0.0.0:6039\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := map[uint16]bool{5070: false, 5443: true, 4569: false, 6038: false, 5039: true, 6039: true, 8088: false, 8089: true}
	ports, problems := Ports(dir)
	if len(problems) > 0 || len(ports) != len(want) {
		t.Errorf("got %v, %v", ports, problems)
	}
	for _, p := range ports {
		if tls, known := want[p.Number]; !known || tls != p.TLS {
			t.Errorf("got %+v, want tls %t", p, tls)
		}
	}
}
