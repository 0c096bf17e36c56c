package configs

import (
	"strings"
	"testing"
)

func TestMetricsListen(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{}", ""},
		{"{listen: 127.0.0.1:9740}", ""},
		{"{listen: '[::1]:9740'}", ""},
		{"{listen: 127.9.9.9:1}", ""},
		{"{listen: localhost:9740}", ""},
		{"{listen: '[::ffff:127.0.0.1]:9740'}", ""},
		{"{listen: unix:/run/pbxjail/metrics.sock}", ""},
		{"{listen: 192.0.2.10:9740, remote: true}", ""},
		{"{listen: ':9740', remote: true}", ""},
		{"{listen: 192.0.2.10:9740}", "every machine could read the metrics"},
		{"{listen: ':9740'}", "every machine could read the metrics"},
		{"{listen: 0.0.0.0:9740}", "every machine could read the metrics"},
		{"{listen: '[::]:9740'}", "every machine could read the metrics"},
		{"{listen: pbx.example.net:9740, remote: true}", "is a name, not an address"},
		{"{listen: 127.0.0.1}", "is not an address with a port"},
		{"{listen: 9740}", "as a text"},
		{"{listen: '::1:9740'}", "is not an address with a port"},
		{"{listen: 127.0.0.1:0}", "is not an address with a port"},
		{"{listen: 127.0.0.1:70000}", "is not an address with a port"},
		{"{listen: 127.0.0.1:http}", "is not an address with a port"},
		{"{listen: unix:metrics.sock}", "does not begin with /"},
		{"{listen: unix:/run/pbxjail/pbxjail.sock}", "is the socket of jailctl"},
		{"{listen: unix:/" + strings.Repeat("x", maxSocket) + "}", "can have at most 107"},
		{"{port: 9740}", "unknown key"},
	} {
		m, err := parseMain("x.yaml", []byte("metrics: "+c.text+"\n"))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: got %v", c.text, err)
		case c.want == "" && m.Metrics.Listen == "" && c.text != "{}":
			t.Errorf("%s: got no address", c.text)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.text, err, c.want)
		}
	}
}
