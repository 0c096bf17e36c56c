package e2e

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"pbxjail/cmd/internal/lab"
)

// realtime has Asterisk read endpoints from a database too.
func realtime(t *testing.T) map[string]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`CREATE TABLE ps_endpoints (id TEXT PRIMARY KEY, context TEXT, disallow TEXT, allow TEXT, aors TEXT);
CREATE TABLE ps_aors (id TEXT PRIMARY KEY, contact TEXT);
INSERT INTO ps_endpoints VALUES ('provider', 'from-internal', 'all', 'ulaw', 'provider');
INSERT INTO ps_aors VALUES ('provider', 'sip:198.51.100.77:5060');`)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"realtime.sqlite3":        string(data),
		"res_config_sqlite3.conf": "[pbx]\ndbfile => /etc/asterisk/realtime.sqlite3\n",
		"extconfig.conf":          "[settings]\nps_endpoints => sqlite3,pbx\nps_aors => sqlite3,pbx\n",
		"sorcery.conf": "[res_pjsip]\nendpoint=config,pjsip.conf,criteria=type=endpoint\nendpoint=realtime,ps_endpoints\n" +
			"aor=config,pjsip.conf,criteria=type=aor\naor=realtime,ps_aors\n",
	}
}

// TestRealtimeTrunk: a trunk that is in a database, and in no file, is protected. The same
// address without that trunk is banned.
func TestRealtimeTrunk(t *testing.T) {
	for version, port := range map[string]uint16{"16": 5062, "22": 5060} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p, asterisk := newAMIPBX(t, version, lab.GuardManager, realtime(t))
			said, err := asterisk.CLI("module load res_config_sqlite3.so")
			if err != nil || !strings.Contains(said, "Loaded") {
				t.Fatalf("no database: %s, %v", said, err)
			}
			p.start()
			p.eventually("both trunks", func() bool { return p.ami().AMI.Trunks == 2 })
			for _, addr := range []string{"198.51.100.77", "198.51.100.20"} {
				if got := p.ctl("protected"); !strings.Contains(got, addr) {
					t.Errorf("%s is not protected:\n%s", addr, got)
				}
			}
			for range 12 {
				p.send("198.51.100.77", port, "1001", "")
			}
			for range 12 {
				if _, banned := p.list()["203.0.113.70"]; !banned {
					p.send("203.0.113.70", port, "1001", "")
				}
			}
			p.banned("203.0.113.70")
			if _, banned := p.list()["198.51.100.77"]; banned {
				t.Error("the trunk is banned")
			}
		})
	}
}
