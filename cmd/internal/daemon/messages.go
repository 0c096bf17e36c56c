package daemon

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/messages"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/jails/geoip"
	"pbxjail/jails/warden"
)

// openMessages makes the channels of messages. Alarms have a queue of their own, so that a
// flood of bans takes none of their room.
func (d *Daemon) openMessages(main *configs.Main) {
	d.post = messages.New(messages.Options{File: filepath.Join(filepath.Dir(main.Database), "messages.json"), Log: d.log})
	d.post.Set(main.Notify)
	d.upkeep.post = d.post
	to := messenger{d.post, d.places}
	d.notifiers.add("alarms", to, func(d warden.Decision) bool { return d.What == warden.Alarm })
	d.notifiers.add("messages", to, func(d warden.Decision) bool { return d.What != warden.Alarm && d.What != warden.LetOut })
}

// messenger is the notifier that hands decisions to the channels.
type messenger struct {
	post   *messages.Post
	places *geoip.Tables
}

func (m messenger) lost(n uint64) { m.post.Lost(n) }

func (m messenger) notify(d warden.Decision) {
	e := messages.Event{Kind: messages.Ban, At: d.At, What: show.Terminal(d.Ban.Reason), Prefix: d.Ban.Prefix, Jail: d.Ban.Jail, Observed: d.Ban.Observed}
	if d.Ban.Prefix.IsValid() {
		e.Country = m.places.Place(d.Ban.Prefix.Addr()).Country
	}
	switch d.What {
	case warden.BannedByHand:
		e.What = "banned by hand, by " + show.Terminal(d.Ban.By)
	case warden.WouldBan:
		e.Observed = true
	case warden.NotBanned:
		e.Kind = messages.Protected
		e.What = fmt.Sprintf("The address would be banned by jail %s (%s), but it is protected: %s", d.Ban.Jail, e.What, show.Terminal(d.Why))
		e.Hint = "to see what it did: jailctl why " + show.Address(d.Ban.Prefix)
	case warden.Alarm:
		e.Kind = alarmKinds[d.Ban.Jail]
		if e.Kind == "" {
			e.Kind = messages.Fraud
		}
	}
	m.post.Hear(e)
}

// alarmKinds are the kinds of the alarms of the judge, by the name that it gives them.
var alarmKinds = map[string]messages.Kind{
	"guessed": messages.Guessed, "forged": messages.Forged, "home": messages.Protected, "breaker": messages.Enforcement, "fraud": messages.Fraud,
}

const (
	// troublesEvery is how often pbxjail looks for what admins must know beside decisions,
	// logsEvery how often it looks at logs and feeds, which change slowly.
	troublesEvery = 2 * time.Second
	logsEvery     = 10 * time.Second
)

// watchTroubles tells the channels when something begins to be wrong, and when it is over.
func (d *Daemon) watchTroubles(ctx context.Context) error {
	b := &backend{}
	d.fill(b)
	tick := time.NewTicker(troublesEvery)
	defer tick.Stop()
	var watch messages.Watch
	var slow []messages.Trouble
	looked := time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if now.Sub(looked) >= logsEvery-troublesEvery/2 {
				looked, slow = now, b.slowTroubles(now)
			}
			for _, e := range watch.See(append(b.firewallTroubles(now), slow...), now) {
				d.post.Hear(e)
			}
		}
	}
}

// firewallTroubles are what keeps bans from being in force.
func (b *backend) firewallTroubles(now time.Time) (list []messages.Trouble) {
	for about, err := range b.warden.Problems() {
		mild := about == "ledger" || about == "book"
		list = append(list, messages.Trouble{Key: about, Kind: messages.Enforcement, What: show.Terminal(problemWords[about] + err.Error()), Hint: hintOf(err), Mild: mild})
	}
	for i, p := range b.off.problems() {
		list = append(list, messages.Trouble{Key: fmt.Sprint("off ", i), Kind: messages.Enforcement, What: show.Terminal(p.What), Hint: show.Terminal(p.Hint)})
	}
	if off := b.off.state(); off.Holds(now) {
		list = append(list, messages.Trouble{Key: "off", Kind: messages.Enforcement, Mild: true, What: "pbxjail is switched off, by " + show.Terminal(off.By) + ", " + untilText(off) + ": nothing is dropped", Hint: "to switch it on: jailctl on"})
	}
	return list
}

func hintOf(err error) string {
	if do := hint.Of(err); do != "" {
		return show.Terminal(do)
	}
	return problemHint
}

// slowTroubles are logs that are not read, and feeds that are not up to date.
func (b *backend) slowTroubles(now time.Time) (list []messages.Trouble) {
	var s control.Status
	b.logStatus(&s, now)
	for _, f := range s.Files {
		if f.Problem != "" && f.Problem != control.NotThere {
			s.Problems = append(s.Problems, control.Problem{About: "log " + f.Path, What: "log " + f.Path + " cannot be read, so pbxjail sees no attacks in this log: " + f.Problem, Hint: "to see what to do: jailctl doctor"})
		}
	}
	for _, p := range s.Problems {
		list = append(list, messages.Trouble{Key: p.About, Kind: messages.Blind, What: show.Terminal(p.What), Hint: show.Terminal(p.Hint), Mild: !strings.HasPrefix(p.About, "log ")})
	}
	for _, p := range b.feedProblems() {
		list = append(list, messages.Trouble{Key: p.About, Kind: messages.Feed, What: show.Terminal(p.What), Hint: show.Terminal(p.Hint)})
	}
	return list
}

// channels are the ways that messages go, for jailctl.
func (b *backend) channels() (list []control.Channel) {
	for _, s := range b.post.Status() {
		c := control.Channel{
			Name: s.Name, Type: s.Type, Target: show.Terminal(s.Target), Kinds: s.Kinds, Least: s.Least, Waiting: s.Waiting, Bytes: s.Bytes,
			Sent: s.Sent, Dropped: s.Dropped, LastSent: control.Moment(s.Last), Failures: s.Fails, Failing: control.Moment(s.Since), Next: control.Moment(s.Next),
		}
		if s.Err != nil {
			c.Problem, c.Hint = s.Err.Error(), hint.Of(s.Err)
		}
		list = append(list, c)
	}
	return list
}

// messageStatus adds the channels, and those that fail as problems.
func (b *backend) messageStatus(s *control.Status, now time.Time) {
	s.Notify = b.channels()
	for _, c := range s.Notify {
		if c.Problem == "" {
			continue
		}
		what := "channel " + c.Name + ": some receivers get no messages: " + c.Problem
		if c.Failing != nil {
			what = fmt.Sprintf("channel %s has sent no messages for %s: %s. %s wait; pbxjail tries again by itself", c.Name, show.Brief(now.Sub(*c.Failing)), c.Problem, show.Count(c.Waiting, "event"))
		}
		s.Problems = append(s.Problems, control.Problem{About: control.AboutChannel + c.Name, What: what, Hint: c.Hint + "; then: jailctl notify test " + c.Name})
	}
}

// testTime is how long a test of the channels takes at most: jailctl waits no longer.
const testTime = 20 * time.Second

// notifyTest sends a test message.
func (b *backend) notifyTest(q control.NotifyTestRequest, by string) (control.NotifyTestAnswer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	results := b.post.Test(ctx, q.Channel, by)
	if len(results) == 0 {
		if q.Channel == "" {
			return control.NotifyTestAnswer{}, control.Refuse(http.StatusConflict, "write channels below notify into the main file; an example: jailctl help notify", "no channel for messages is configured")
		}
		return control.NotifyTestAnswer{}, control.Refuse(http.StatusNotFound, "to see all channels: jailctl notify status", "there is no channel %s", show.Escaped(q.Channel))
	}
	var answer control.NotifyTestAnswer
	for _, r := range results {
		one := control.NotifyTest{Name: r.Name, Type: r.Type, Target: show.Terminal(r.Target), Milliseconds: r.Took.Milliseconds()}
		if r.Err != nil {
			one.Problem, one.Hint = r.Err.Error(), hint.Of(r.Err)
		}
		answer.Results = append(answer.Results, one)
	}
	return answer, nil
}
