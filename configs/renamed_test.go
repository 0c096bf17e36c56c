package configs

import "testing"

// A key that was renamed can still be written with its old name: it works, with a warning.
func TestRenamedKey(t *testing.T) {
	type file struct {
		Jail struct {
			Tries int `yaml:"tries" was:"attempts count" default:"5"`
		} `yaml:"jail"`
	}
	for _, c := range []struct {
		name, text        string
		want              int
		warnings, problem string
	}{
		{"the name", "jail:\n  tries: 7\n", 7, "", ""},
		{"an old name", "jail:\n  attempts: 7\n", 7, "x.yaml:2: jail: key attempts is called tries now", ""},
		{"an older name", "jail: {count: 7}\n", 7, "x.yaml:1: jail: key count is called tries now", ""},
		{"both", "jail:\n  tries: 7\n  count: 8\n", 7, "x.yaml:3: jail: key count is called tries now", "x.yaml:3: jail: key tries is already in line 2"},
		{"a name of none", "jail:\n  trys: 7\n", 5, "", "x.yaml:2: jail: unknown key \"trys\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var into file
			into.Jail.Tries = 5
			d := newDecoder("x.yaml")
			d.document([]byte(c.text), &into)
			if into.Jail.Tries != c.want || firstOf(d.warnings) != c.warnings || firstOf(d.problems) != c.problem {
				t.Errorf("got %d, warning %q, problem %q, want %d, %q, %q", into.Jail.Tries, firstOf(d.warnings), firstOf(d.problems), c.want, c.warnings, c.problem)
			}
		})
	}
}

func firstOf(list Problems) string {
	if len(list) == 0 {
		return ""
	}
	return list[0].Error()
}
