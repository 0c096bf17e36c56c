package daemon

import (
	"errors"

	"pbxjail/configs"
	"pbxjail/jails"
)

// lists are the data files that say what numbers and user agents are worth.
type lists struct {
	agents  *configs.Agents
	numbers *configs.Numbers
	bad     error // what is wrong with one of them; those read before stay
}

// readLists reads the data files. What cannot be read leaves what was known, at
// first what is shipped. mu is held, or nothing runs yet.
func (d *Daemon) readLists() {
	d.lists.bad = nil
	agents, err := configs.LoadAgents(d.main.Useragents)
	d.take(err, "user agents are not read again", func() { d.lists.agents = agents })
	numbers, err := d.main.Fraud.LoadNumbers()
	d.take(err, "numbers are not read again", func() { d.lists.numbers = numbers })
	if d.lists.agents == nil {
		d.lists.agents = configs.ShippedAgents()
	}
	if d.lists.numbers == nil {
		d.lists.numbers = configs.ShippedNumbers()
	}
}

func (d *Daemon) take(err error, what string, keep func()) {
	if err == nil {
		keep()
		return
	}
	d.lists.bad = errors.Join(d.lists.bad, err)
	d.logProblems(what, "", err)
}

// senses are what the judge knows beside the logs. mu is held, or nothing runs yet.
func (d *Daemon) senses() jails.Senses {
	return jails.Senses{
		Places: d.places, Rules: d.main.GeoIP.Rules(),
		Feeds: d.feeds, Agents: d.lists.agents, Levels: d.main.AgentFactors,
		Numbers: d.lists.numbers, Fraud: d.main.Fraud,
	}
}
