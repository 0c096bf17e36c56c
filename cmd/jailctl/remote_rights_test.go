package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"pbxjail/cmd/internal/remote"
)

// Each verb, flag and argument of jailctl is known to be allowed through sudo or not. When you
// add one: a path that the user chooses must be in the lists of this test, and not in
// sudoVerbs.
func TestSudoNamesNoFile(t *testing.T) {
	verbs := []string{"setup", "geoip update", "tunnel", "remote", "man"}
	flags := []string{"config", "jails", "asterisk", "root", "compare", "socket", "hosts", "host", "ssh-config", "time-limit", "recordings expire today"}
	words := strings.Fields("ADDR NET NAME ACCOUNT ID CHANNEL SHELL VERB TOPIC DRIVER TEXT") // in the line of a verb: no file
	seen := map[string]bool{}
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		verb := strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "jailctl"), " ")
		seen[verb] = true
		known, allowed := sudoVerbs[verb]
		if allowed == slices.Contains(verbs, verb) {
			t.Errorf("jailctl %s must be in sudoVerbs, or in the list of this test", verb)
		}
		for _, name := range strings.Fields(known) {
			if c.Flags().Lookup(name) == nil {
				t.Errorf("jailctl %s has no --%s", verb, name)
			}
		}
		visitFlag := func(f *pflag.Flag) {
			path := slices.Contains(flags, f.Name) || slices.Contains(flags, verb+" "+f.Name)
			if allowed && namesNoFile(f, known) == path {
				t.Errorf("jailctl %s --%s must be in sudoVerbs, or in the list of this test", verb, f.Name)
			}
			if !path {
				return
			}
			root := newRoot(&app{})
			root.InitDefaultHelpCmd()
			fresh, _, err := root.Find(strings.Fields(verb))
			if err != nil {
				t.Fatal(err)
			}
			if err := fresh.ParseFlags([]string{"--" + f.Name, "/evil"}); err != nil {
				t.Fatal(err)
			}
			if err := withinRights(fresh, nil); err == nil {
				t.Errorf("jailctl %s --%s /evil is allowed", verb, f.Name)
			}
		}
		c.LocalFlags().VisitAll(visitFlag)
		c.InheritedFlags().VisitAll(visitFlag)
		files := slices.ContainsFunc(strings.FieldsFunc(c.Use, func(r rune) bool { return r < 'A' || r > 'Z' }), func(word string) bool {
			return len(word) > 1 && !slices.Contains(words, word)
		})
		if allowed && files != slices.Contains(sudoFiles, verb) {
			t.Errorf("%q: jailctl %s must be in sudoFiles, or its word in the list of this test", c.Use, verb)
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	root := newRoot(&app{})
	root.InitDefaultHelpCmd()
	visit(root)
	for verb := range sudoVerbs {
		if !seen[verb] {
			t.Errorf("sudoVerbs has %q, which is no verb", verb)
		}
	}
}

// What a user sends to jailctl remote through sudo names no file for root. Without sudo the
// same is allowed: then the user has his own rights.
func TestRemoteThroughSudo(t *testing.T) {
	for line, refused := range map[string]string{ // "": allowed
		"--config /evil recordings released 1":                "--config is not allowed",
		"recordings released 0123456789abcdef --config /evil": "--config is not allowed",
		"recordings expire --config=/evil":                    "--config is not allowed",
		"recordings expire --today 2099-01-01":                "--today is not allowed",
		"setup --yes":                                         "jailctl setup is not allowed",
		"import fail2ban --apply":                             "--apply is not allowed",
		"import fail2ban /evil":                               "takes no path",
		"replay - /evil":                                      "takes no path",
		"check /evil":                                         "takes no path",
		"parse -- /evil":                                      "takes no path",
		"feeds check /evil":                                   "takes no path",
		"geoip update --from /evil --to /etc":                 "jailctl geoip update is not allowed",
		"audit --root /evil":                                  "--root is not allowed",
		"--socket /evil status":                               "--socket is not allowed",
		"__complete --socket /evil unban ":                    "jailctl __complete is not allowed",
		"dialplan --driver pjsip":                             "",
		"feeds check -":                                       "",
		"version --help":                                      "",
		"help hosts":                                          "",
	} {
		for _, sudo := range []bool{true, false} {
			if !sudo && !strings.Contains(line, "/evil") && refused != "" {
				continue // it would be done
			}
			t.Setenv("SUDO_UID", map[bool]string{true: "1000", false: ""}[sudo])
			q, err := remote.NewRequest(strings.Fields(line), 0).Line()
			if err != nil {
				t.Fatal(err)
			}
			var out, said strings.Builder
			open, _ := io.Pipe() // the end of stdin would interrupt this program
			run([]string{"remote"}, io.MultiReader(strings.NewReader(string(q)+"0\n"), open), &out, &said)
			limited := strings.Contains(said.String(), "through --sudo")
			if want := sudo && os.Geteuid() == 0 && refused != ""; limited != want || want && !strings.Contains(said.String(), refused) {
				t.Errorf("%s, through sudo %v: got %q", line, sudo, said.String())
			}
		}
	}
}

func TestThroughSudo(t *testing.T) {
	for _, c := range []struct {
		uid  int
		by   string
		want bool
	}{{0, "1000", true}, {0, "x", true}, {0, "0", false}, {0, "", false}, {1000, "1000", false}} {
		if got := throughSudo(c.uid, func(string) string { return c.by }); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}
