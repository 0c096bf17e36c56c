package sensor

import (
	"cmp"
	"slices"
	"time"

	"pbxjail/parsers"
)

// agentTable counts user agents. It is bounded: one that made room is forgotten.
type agentTable struct {
	byName map[string]*agent
}

type agent struct {
	name     string
	requests uint64
	last     int64
	names    []string
	accounts []uint32
	hosts    []uint32
}

const (
	maxAgents    = 256
	maxNames     = 8
	maxCountedOf = 64
)

func (t *agentTable) init() { t.byName = map[string]*agent{} }

// saw counts a request.
func (t *agentTable) saw(x *tx, f *flow) {
	a := t.byName[string(x.agent.bytes())]
	if a == nil {
		a = t.add(string(x.agent.bytes()))
	}
	a.requests++
	a.last = f.time.Unix()
	b := x.remote.Addr().As16()
	sum := uint32(2166136261)
	for _, c := range b {
		sum = (sum ^ uint32(c)) * 16777619
	}
	a.hosts = count(a.hosts, sum)
}

// loggedIn counts an account that logged in with its agent.
func (t *agentTable) loggedIn(x *tx) {
	a := t.byName[string(x.agent.bytes())]
	if a == nil {
		return
	}
	sum := uint32(2166136261)
	for _, c := range x.account.bytes() {
		sum = (sum ^ uint32(c)) * 16777619
	}
	before := len(a.accounts)
	if a.accounts = count(a.accounts, sum); len(a.accounts) > before && len(a.names) < maxNames {
		a.names = append(a.names, x.account.text().Quoted())
	}
}

func count(list []uint32, sum uint32) []uint32 {
	if len(list) >= maxCountedOf || slices.Contains(list, sum) {
		return list
	}
	return append(list, sum)
}

// add makes an entry. It removes the entry with the oldest login if there is no room.
func (t *agentTable) add(name string) *agent {
	if len(t.byName) >= maxAgents {
		var worst *agent
		for _, a := range t.byName {
			if worst == nil || cmp.Or(cmp.Compare(min(len(a.accounts), 1), min(len(worst.accounts), 1)), cmp.Compare(a.last, worst.last)) < 0 {
				worst = a
			}
		}
		delete(t.byName, worst.name)
	}
	a := &agent{name: name}
	t.byName[name] = a
	return a
}

// Agents returns the user agents seen, the most frequent first. The texts are copies.
func (s *Sensor) Agents() []Agent {
	list := make([]Agent, 0, len(s.agents.byName))
	for _, a := range s.agents.byName {
		list = append(list, Agent{
			Name: parsers.TextOf([]byte(a.name)), Requests: a.requests, Accounts: slices.Clone(a.names),
			LoggedIn: len(a.accounts), Addresses: len(a.hosts), Last: time.Unix(a.last, 0),
		})
	}
	slices.SortFunc(list, func(a, b Agent) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(string(a.Name.Raw()), string(b.Name.Raw())))
	})
	return list
}
