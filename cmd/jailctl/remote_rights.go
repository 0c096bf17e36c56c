package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A line in sudoers(5) may allow a user nothing as root but jailctl remote. Such a user must
// not name a file for root: with a main file, a folder of Asterisk or a socket of his own he
// could read, change and delete what he likes. The lists below are of what he may give; all
// else is refused, so that a new verb or flag is refused until somebody thinks about it.

// sudoVerbs are the verbs that run through sudo and jailctl remote, each with its flags whose
// value names no file. Flags without a value, and with a number, name none.
var sudoVerbs = map[string]string{
	"": "", "help": "", "completion": "", "version": "", "status": "", "agents": "", "wire": "", "why": "",
	"ack": "", "allow": "for note", "allowed": "", "disallow": "", "protected": "", "ban": "for jail ports", "unban": "grace",
	"on": "", "off": "for", "reload": "", "top": "every",
	"list": "country grep jail since sort", "history": "account addr by country jail kind net since until",
	"audit-log": "since user verb", "export": "account", "erase": "account",
	"audit": "address only", "doctor": "", "dialplan": "driver format", "rules": "format",
	"calls": "", "calls unbar": "", "metrics": "", "notify": "", "notify status": "", "notify test": "",
	"jails": "print", "check": "", "parse": "own", "replay": "own", "feeds": "", "feeds check": "format",
	"geoip": "", "geoip status": "", "geoip lookup": "", "import": "", "import fail2ban": "",
	"recordings": "", "recordings list": "number older since", "recordings trail": "id since", "recordings report": "",
	"recordings hold": "reason", "recordings released": "", "recordings expire": "",
}

// sudoFiles are the verbs whose arguments are files: through sudo they read stdin alone.
var sudoFiles = []string{"check", "parse", "replay", "feeds check", "import fail2ban"}

// sudoSwitches are the flags without a value that are refused: they write files.
var sudoSwitches = []string{"import fail2ban apply"}

// throughSudo reports whether a user who is not root started this program as root. sudo(8)
// sets SUDO_UID itself, so that the user cannot take it away.
func throughSudo(uid int, env func(string) string) bool {
	by := env("SUDO_UID")
	return uid == 0 && by != "" && by != "0"
}

// withinRights refuses what a user may not have root do through jailctl remote.
func withinRights(c *cobra.Command, args []string) error {
	verb := strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), c.Root().Name()), " ")
	flags, ok := sudoVerbs[verb]
	if !ok {
		return notThroughSudo("jailctl " + verb)
	}
	var refused string
	c.Flags().Visit(func(f *pflag.Flag) {
		if !namesNoFile(f, flags) || slices.Contains(sudoSwitches, verb+" "+f.Name) {
			refused = "--" + f.Name
		}
	})
	if refused != "" {
		return notThroughSudo(refused)
	}
	if slices.Contains(sudoFiles, verb) && slices.ContainsFunc(args, func(arg string) bool { return arg != "-" }) {
		return usage("if the user may read the file, leave --sudo out; else log in as root: jailctl --host root@pbx "+verb+" FILE",
			"jailctl %s takes no path through --sudo: root would use any file that the user names", verb)
	}
	return nil
}

// namesNoFile reports whether the value of a flag is no path; known are flags that have none.
func namesNoFile(f *pflag.Flag, known string) bool {
	return f.Value.Type() == "bool" || f.Value.Type() == "int" || slices.Contains(strings.Fields(known), f.Name)
}

func notThroughSudo(what string) error {
	return usage("log in on the PBX and run the command there, or log in as root: jailctl --host root@pbx VERB",
		"%s is not allowed through --sudo: the user must not choose files or settings of root", what)
}
