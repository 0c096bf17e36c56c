package doctor

import (
	"strings"
	"testing"

	"pbxjail/configs"
)

// TestTrapsAreSuggested: only names that Asterisk surely does not have, and only where there
// are no traps yet.
func TestTrapsAreSuggested(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		traps []configs.TrapName
		want  string // "" is no suggestion
	}{
		"none set":             {nil, nil, "[9999, test, admin]"},
		"one is an account":    {map[string]string{"sip.conf": "[test]\ntype=friend\n"}, nil, "[9999, admin, 1001]"},
		"some set":             {nil, []configs.TrapName{"9999"}, ""},
		"accounts in database": {map[string]string{"extconfig.conf": "[settings]\nps_endpoints => odbc,asterisk\n"}, nil, ""},
		"no accounts":          {map[string]string{"pjsip.conf": "", "iax.conf": "", "sip.conf": ""}, nil, ""},
	} {
		e := env(t, c.files)
		e.Main.Traps = configs.Traps{Accounts: c.traps}
		got := traps(e)
		if len(got) > 1 || (len(got) == 1) != (c.want != "") || len(got) == 1 && !strings.Contains(got[0].Hint, c.want) {
			t.Errorf("%s: got %+v, want %s", name, got, c.want)
		}
	}
}
