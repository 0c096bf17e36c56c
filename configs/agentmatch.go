package configs

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
)

// maxAgentValue is how many bytes of a value are searched for a word. Real values
// are shorter, and an attacker must not choose how long the search takes.
const maxAgentValue = 256

// Agents is the list of user agents, ready to match. It never changes: any
// goroutine may use it. The nil list matches nothing.
type Agents struct {
	list   []Agent      // by name
	starts [256][]Agent // what a value may begin with, by its first byte in small letters; longest first
	words  [256][]Agent // those of them that may come later in the value
}

func newAgents(byName map[string]Agent) *Agents {
	a := &Agents{}
	for _, key := range slices.Sorted(maps.Keys(byName)) {
		a.list = append(a.list, byName[key])
	}
	longest := slices.SortedStableFunc(slices.Values(a.list), func(x, y Agent) int { return cmp.Compare(len(y.Name), len(x.Name)) })
	for _, agent := range longest {
		first := fold(agent.Name[0])
		a.starts[first] = append(a.starts[first], agent)
		if agent.Match == AgentContains {
			a.words[first] = append(a.words[first], agent)
		}
	}
	return a
}

// Match finds the entry for the value of a User-Agent header, without the
// header's name. If several match, the longest name wins, and of equally long
// names the one that comes first in the value. Nothing of the value is kept.
func (a *Agents) Match(value []byte) (Agent, bool) {
	value = bytes.TrimSpace(value)
	if a == nil || len(value) == 0 {
		return Agent{}, false
	}
	var best *Agent
	for at := range min(len(value), maxAgentValue) {
		same := a.words[fold(value[at])]
		if at == 0 {
			same = a.starts[fold(value[at])]
		}
		for i := range same {
			if best != nil && len(same[i].Name) <= len(best.Name) {
				break // longest first
			}
			if same[i].matchesAt(value, at) {
				best = &same[i]
				break
			}
		}
	}
	if best == nil {
		return Agent{}, false
	}
	return *best, true
}

// matchesAt reports whether a matches at this place of value.
func (a *Agent) matchesAt(value []byte, at int) bool {
	end := at + len(a.Name)
	if end > len(value) || a.Match == AgentExact && end < len(value) {
		return false
	}
	for i := range len(a.Name) {
		if fold(a.Name[i]) != fold(value[at+i]) {
			return false
		}
	}
	// "system" is not a word of 3CXPhoneSystem (fusionpbx-install.sh PR 238).
	return a.Match != AgentContains || !joined(value, at) && !joined(value, end)
}

// joined reports whether value[at-1] and value[at] are in one word.
func joined(value []byte, at int) bool {
	return at > 0 && at < len(value) && wordByte(value[at-1]) && wordByte(value[at])
}

func wordByte(b byte) bool {
	b = fold(b)
	return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b >= 0x80
}

// fold is b as a small letter. ASCII only: names have nothing else.
func fold(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b | 0x20
	}
	return b
}
