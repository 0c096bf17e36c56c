package configs

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The levels of an Agent, and the ways it is compared.
const (
	AgentDrop  = "drop"  // no honest use: packet rules may drop it
	AgentScore = "score" // weighs what else its sender does wrong
	AgentInfo  = "info"  // is logged, no more
	AgentOff   = "off"   // takes an entry of the list away

	AgentExact    = "exact"
	AgentPrefix   = "prefix"
	AgentContains = "contains"
)

const (
	maxAgents     = 2000 // in all files together
	maxAgentFiles = 64
	// maxAgentName leaves room for "\r\nUser-Agent: " before and "\r\n" behind it
	// (linux:include/uapi/linux/netfilter/xt_string.h XT_STRING_MAX_PATTERN_SIZE, 128).
	maxAgentName = 64
	// minDropName refuses short names: one such as "a" would drop very many phones.
	minDropName = 4
)

// Agent is one entry of the list of user agents.
type Agent struct {
	File string // where it was read
	Line int

	Name  string `yaml:"name" example:"acme-dialer" doc:"The User-Agent header, or its beginning. Upper and lower case are equal. Letters, digits, blanks and . _ - / : + , = @ are allowed, because the name goes into firewall rules."`
	Level string `yaml:"level" example:"score" doc:"drop: packet rules may drop packets with this name; for tools with no honest use. score: a failure with this name gets more points. info: the name is only logged. off: removes the entry of this name from the shipped list."`
	Match string `yaml:"match" default:"prefix" doc:"exact: the header is this name. prefix: the header begins with this name. contains: this name is a separate word in the header. If several entries match, the longest name decides."`
	Why   string `yaml:"why" optional:"our own dialer" doc:"Where the name comes from: a note for readers of the list."`
}

// Shipped reports whether the entry is of the list that comes with the program.
func (a Agent) Shipped() bool { return a.File == shippedAgentsFile }

// shippedAgentsFile is how the shipped list is named.
const shippedAgentsFile = "shipped/useragents.yaml"

// AgentFactors multiply the points of an event by the level of its user agent.
type AgentFactors struct {
	Drop  float64 `yaml:"drop" default:"5" check:"factor 0 to 100" doc:"Tools with no honest use."`
	Score float64 `yaml:"score" default:"2" check:"factor 0 to 100" doc:"Bots, and what bots pretend to be."`
	Info  float64 `yaml:"info" default:"1" check:"factor 0 to 100" doc:"Real phones and servers. 1: the points stay as they are."`
}

// Of is the factor of a level; 1 for any other word.
func (f AgentFactors) Of(level string) float64 {
	switch level {
	case AgentDrop:
		return f.Drop
	case AgentScore:
		return f.Score
	case AgentInfo:
		return f.Info
	}
	return 1
}

// agentFile is one file of the list.
type agentFile struct {
	Agents []Agent `yaml:"agents" doc:"User agents and their levels. Files are read in the order of their names, after the shipped list. If two entries have one name, the later one counts."`
}

//go:embed data/useragents.yaml
var shippedAgents []byte

// LoadAgents reads the shipped list of user agents and then the files
// (*.yaml, *.yml) of dir; a later entry replaces an earlier one of its name. A
// folder that does not exist is an empty one. An error is Problems, of all the files.
// Then there is no list, because a bad file may have removed entries from it.
func LoadAgents(dir string) (*Agents, error) {
	byName := map[string]Agent{}
	if err := addAgents(byName, shippedAgentsFile, shippedAgents); err != nil {
		return nil, err // a test checks it
	}
	files, err := agentFiles(dir)
	if err != nil {
		return nil, Problems{*err}
	}
	var bad Problems
	for _, path := range files {
		data, err := read(path)
		if err == nil {
			err = hideForeign(path, addAgents(byName, path, data))
		}
		if one, ok := errors.AsType[Problems](err); ok {
			bad = append(bad, one...)
		} else if p, ok := errors.AsType[Problem](err); ok {
			bad = append(bad, p)
		}
	}
	if len(byName) > maxAgents {
		bad = append(bad, Problem{File: dir, What: fmt.Sprintf("there are more than %d user agents: those in this folder and those that come with pbxjail, together", maxAgents), Fix: "where several names begin alike, write one entry with this beginning and match: prefix; remove the others"})
	}
	if len(bad) > 0 {
		return nil, bad
	}
	return newAgents(byName), nil
}

// CheckAgents reads one file of user agents. An error is a Problem or Problems.
func CheckAgents(path string) error {
	data, err := read(path)
	if err != nil {
		return err
	}
	return hideForeign(path, addAgents(map[string]Agent{}, path, data))
}

// ShippedAgents is the list that comes with the program.
func ShippedAgents() *Agents {
	byName := map[string]Agent{}
	if err := addAgents(byName, shippedAgentsFile, shippedAgents); err != nil {
		panic(err) // a test checks it
	}
	return newAgents(byName)
}

// agentFiles are the files of the list in the order of their names. Files
// that editors and package managers leave have other endings.
func agentFiles(dir string) (files []string, bad *Problem) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p := unreadable(dir, err)
		return nil, &p
	}
	for _, entry := range entries {
		base := entry.Name()
		if ext := filepath.Ext(base); !strings.HasPrefix(base, ".") && (ext == ".yaml" || ext == ".yml") {
			files = append(files, filepath.Join(dir, base))
		}
	}
	if len(files) > maxAgentFiles {
		return nil, &Problem{File: dir, What: fmt.Sprintf("there are more than %d files with user agents in this folder", maxAgentFiles), Fix: "put the entries of several files into one file"}
	}
	return files, nil
}

// addAgents reads the text of one file into byName. An error is Problems.
func addAgents(byName map[string]Agent, file string, data []byte) error {
	var f agentFile
	d := newDecoder(file)
	if d.document(data, &f) {
		f.validate(d)
	}
	if err := d.result(); err != nil {
		return err
	}
	for _, a := range f.Agents {
		a.File = file
		if key := strings.ToLower(a.Name); a.Level == AgentOff {
			delete(byName, key)
		} else {
			byName[key] = a
		}
	}
	return nil
}

func (f *agentFile) validate(d *decoder) {
	first := map[string]int{}
	for i := range f.Agents {
		a, path := &f.Agents[i], fmt.Sprintf("agents[%d]", i)
		a.Match = cmp.Or(a.Match, AgentPrefix)
		a.validate(d, path)
		key := strings.ToLower(a.Name)
		if line := first[key]; line != 0 && key != "" {
			d.fault(path+".name", "remove one of the two entries", "user agent %s is in this file twice; the other entry is in line %d", quote(a.Name), line)
		}
		first[key] = a.Line
	}
}

func (a *Agent) validate(d *decoder, path string) {
	checkWord(d, path+".level", a.Level, AgentDrop, AgentScore, AgentInfo, AgentOff)
	checkWord(d, path+".match", a.Match, AgentExact, AgentPrefix, AgentContains)
	switch name := a.Name; {
	case name == "":
		d.fault(path+".name", "write the key name with the beginning of the User-Agent header, such as name: friendly-scanner", "is missing")
	case len(name) > maxAgentName:
		d.fault(path+".name", fmt.Sprintf("write only the beginning of the User-Agent header, at most %d characters", maxAgentName), "is longer than %d characters", maxAgentName)
	case !plainAgent(name):
		d.fault(path+".name", plainAgentHint, "%s has characters that a firewall rule cannot have", quote(name))
	case a.Level == AgentDrop && len(name) < minDropName:
		d.fault(path+".name", "write a longer beginning of the User-Agent header, or write level: score", "%s is too short: with level: drop it needs at least %d characters, or it could block honest phones", quote(name), minDropName)
	}
}

// plainAgentHint is what to do about a name for which plainAgent is false.
const plainAgentHint = "write only the first part of the name, with letters, digits, blanks and . _ - / : + , = @ alone"

// plainAgent reports whether name can be part of a rule, a shell's quotes and
// xt_string's hex notation as it is.
func plainAgent(name string) bool {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" ._-/:+,=@", r))
	}
	return !strings.ContainsFunc(name, odd) && strings.TrimSpace(name) == name
}

// List returns the entries, sorted by name.
func (a *Agents) List() []Agent {
	if a == nil {
		return nil
	}
	return slices.Clone(a.list)
}
