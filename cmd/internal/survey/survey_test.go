package survey

import (
	"context"
	"reflect"
	"testing"
	"testing/fstest"
)

func TestLook(t *testing.T) {
	says := func(text string) func(context.Context) (string, bool) {
		return func(context.Context) (string, bool) { return text, true }
	}
	for _, c := range []struct {
		name  string
		files []string // "path" or "path=content"
		says  string
		want  Found
	}{
		{name: "nothing"},
		{"plain", []string{"etc/asterisk/asterisk.conf", "proc/77/comm=asterisk\n"}, "Asterisk 20.6.0~dfsg\n", Found{Asterisk: "20.6.0~dfsg", Running: true}},
		{"certified", []string{"etc/asterisk/asterisk.conf"}, "Asterisk certified/18.9-cert5", Found{Asterisk: "certified/18.9-cert5"}},
		{"does not say", []string{"etc/asterisk/asterisk.conf"}, "segmentation fault", Found{Asterisk: "unknown"}},
		{"in a container of its own", []string{"proc/8/comm=asterisk\n"}, "", Found{Asterisk: "unknown", Running: true}},
		{"freepbx", []string{"etc/asterisk/asterisk.conf", "etc/freepbx.conf", "etc/asterisk/firewall.enabled", "etc/fail2ban/jail.local", "run/fail2ban/fail2ban.sock"}, "Asterisk 21.2.0",
			Found{Asterisk: "21.2.0", GUI: "FreePBX", Generated: true, Custom: "/etc/asterisk/logger_logfiles_custom.conf", Firewalls: []string{"FreePBX firewall"}, Fail2ban: Fail2ban{true, true}}},
		{"issabel has files of freepbx too", []string{"etc/issabel.conf", "etc/freepbx.conf", "proc/9/comm=fail2ban-server\n"}, "Asterisk 16.21.1",
			Found{Asterisk: "16.21.1", GUI: "Issabel", Generated: true, Custom: "/etc/asterisk/logger_logfiles_custom.conf", Fail2ban: Fail2ban{false, true}}},
		{"others", []string{"run/firewalld/x", "run/docker.sock", "proc/10/comm=asterisk-exporter\n"}, "", Found{Firewalls: []string{"firewalld"}, Docker: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := fstest.MapFS{}
			for _, file := range c.files {
				name, content := file, ""
				for i := range file {
					if file[i] == '=' {
						name, content = file[:i], file[i+1:]
						break
					}
				}
				root[name] = &fstest.MapFile{Data: []byte(content)}
			}
			m := Machine{Root: root}
			if c.says != "" {
				m.Version = says(c.says)
			}
			if got := Look(t.Context(), m); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}
