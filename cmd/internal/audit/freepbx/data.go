package freepbx

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"path"
	"slices"

	"pbxjail/cmd/internal/audit/version"
)

//go:embed advisories.json
var advisoriesFile []byte

//go:embed signs.json
var signsFile []byte

// advisories is what is known of holes of modules.
type advisories struct {
	Date   string     `json:"date"` // up to which day it is complete
	Source string     `json:"source"`
	List   []advisory `json:"advisories"`
}

// advisory is one hole of one module.
type advisory struct {
	ID       string            `json:"id"`
	Module   string            `json:"module"`
	Login    bool              `json:"login"` // an attacker needs a log-in of the web interface
	Used     bool              `json:"used"`  // attackers are known to use it (cisa.gov KEV)
	Only     map[string]string `json:"only"`  // settings without which it cannot be used
	Affected []span            `json:"affected"`
	What     string            `json:"what"` // what an attacker can do
	Read     string            `json:"read"`
	Ports    string            `json:"ports"` // through which it is used; "": those of the web interface
}

// span is versions from one, which is in it, to another, which is the first good one.
type span struct {
	From  string `json:"from"`
	Below string `json:"below"`
}

// good is the version from which on a module does not have the hole; ok: v has it. It is the
// one of the same series, where there is one.
func (a advisory) good(v version.Version) (best string, ok bool) {
	for _, s := range a.Affected {
		from, _ := version.Parse(s.From) // none: from the first one on
		below, _ := version.Parse(s.Below)
		if !v.Before(from) && v.Before(below) {
			return s.Below, true
		}
	}
	return "", false
}

// signs is what attackers are known to leave.
type signs struct {
	Date    string   `json:"date"`
	Sources []string `json:"sources"`

	Web     []sign   `json:"web"`     // files below the folder of the web server
	Names   []sign   `json:"names"`   // of files, in every folder that is searched
	Files   []sign   `json:"files"`   // whole paths
	Folders []string `json:"folders"` // that are searched for names beside those of the web server
	Marks   []string `json:"marks"`   // texts in files of PHP

	Accounts       []sign   `json:"accounts"`       // of the machine
	Administrators []sign   `json:"administrators"` // of the web interface
	Hashes         []string `json:"hashes"`         // of passwords (SHA-1)

	Hosts        []string `json:"hosts"`
	Commands     []string `json:"commands"`
	Downloaders  []string `json:"downloaders"`
	Interpreters []string `json:"interpreters"`
	Number       string   `json:"number"` // that is called
}

// sign is the name or path of one thing. Sure: nothing honest is known to have it.
type sign struct {
	Path    string `json:"path"`
	Pattern string `json:"pattern"`
	Name    string `json:"name"`
	Sure    bool   `json:"sure"`
}

// knownHoles reads the file of advisories, which is part of the program.
func knownHoles() (a advisories) {
	decode(advisoriesFile, &a)
	return a
}

// knownSigns reads the file of signs, which is part of the program.
func knownSigns() (s signs) {
	decode(signsFile, &s)
	return s
}

// decode reads a file that the tests read too: it has no mistake.
func decode(text []byte, into any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		panic("a data file of the audit is wrong: " + err.Error())
	}
}

// named is the sign of a name of a file, and whether there is one.
func (s signs) named(name string) (sign, bool) {
	i := slices.IndexFunc(s.Names, func(one sign) bool {
		match, _ := path.Match(one.Pattern, name)
		return match
	})
	if i < 0 {
		return sign{}, false
	}
	return s.Names[i], true
}

// account is the sign of an account of a list, and whether there is one.
func account(list []sign, name string) (sign, bool) {
	i := slices.IndexFunc(list, func(one sign) bool { return one.Name == name })
	if i < 0 {
		return sign{}, false
	}
	return list[i], true
}
