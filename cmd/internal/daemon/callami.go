package daemon

import (
	"context"
	"time"

	"pbxjail/jails/calls"
	"pbxjail/jails/home"
	"pbxjail/parsers/cdr"
	"pbxjail/parsers/manager"
	"pbxjail/watcher/ami"
)

// offer is a channel that an account has opened, and that may call somebody.
type offer struct {
	account, group, number string
	began                  time.Time
}

// maxPending bounds the channels that have called no one yet. The channels of more are known
// with their first Dial.
const maxPending = 20_000

// live reports whether AMI says which calls begin and end, and no caller can forge that. mu is
// held.
func (w *callWatch) live() bool { return w.manager != nil && !w.manager.Since().IsZero() }

// heardAMI takes an event of a call. The texts of one that is doubtful may be forged, all but
// the channel and what Asterisk dials.
func (w *callWatch) heardAMI(c *manager.Call, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine == nil {
		return
	}
	channel := string(c.Channel.Raw())
	switch c.Kind {
	case manager.NewChannel:
		if account := cdr.AccountOf(channel); account != "" && len(w.pending) < maxPending {
			w.pending[channel] = offerOf(c, account, now)
		}
	case manager.DialBegin:
		w.dials(c, channel, now)
	case manager.DialEnd:
		if string(c.Status.Raw()) == "ANSWER" {
			w.engine.Answer(channel, now)
		}
	case manager.Hangup:
		delete(w.pending, channel)
		w.found(w.engine.End(channel, now), now)
	}
}

func offerOf(c *manager.Call, account string, now time.Time) offer {
	o := offer{account: account, began: now}
	if !c.Doubtful {
		o.group, o.number = string(c.Code.Raw()), string(c.Number.Raw())
	}
	return o
}

// dials takes the event that Asterisk calls somebody for a channel. mu is held.
func (w *callWatch) dials(c *manager.Call, channel string, now time.Time) {
	account := cdr.AccountOf(channel)
	if account == "" { // a channel of the dialplan: who called it is counted
		return
	}
	o, known := w.pending[channel]
	if !known {
		o = offerOf(c, account, now)
	}
	dest := cdr.AccountOf(string(c.Dest.Raw())) // "" of a dial that is doubtful: no caller excuses a call with a forged one
	number, ok := calls.Outgoing(o.number, string(c.Dialled.Raw()), dest, w.isPhone)
	if !ok {
		if !c.Doubtful && w.engine.DialsEmergency(string(c.Dialled.Raw())) { // no channel with such a call is hung up
			w.found(w.engine.End(channel, now), now)
		}
		return
	}
	w.learnTrunk(string(c.Dialled.Raw()), dest)
	w.found(w.engine.Begin(calls.Call{Channel: channel, Account: o.account, Group: o.group, Number: number, Began: o.began}, now), now)
}

// setPhones takes who is registered, as AMI lists them.
func (w *callWatch) setPhones(list []home.Registration) {
	phones := make(map[string]bool, len(list))
	for _, r := range list {
		phones[r.Account] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phones = phones
}

// isPhone reports whether a phone is registered with an account that no call has left the PBX
// through. mu is held.
func (w *callWatch) isPhone(account string) bool {
	return w.phones[account] && !w.trunks.Has(account)
}

// setManager takes over who does things in Asterisk, before Run.
func (w *callWatch) setManager(m asteriskManager) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.manager = m
	w.wake.give()
}

// askChannels asks, after each log-in, which channels there are: those that ended meanwhile
// are over. mu is held.
func (w *callWatch) askChannels() {
	if !w.live() || w.manager.Since().Equal(w.asked) {
		return
	}
	m := w.manager
	w.asked = m.Since()
	w.later(func() {
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		defer cancel()
		began := time.Now()
		list, err := m.Channels(ctx)
		if err != nil {
			w.log.Warn("Asterisk does not say which calls run: calls that ended while AMI was away end with their next event", "err", err)
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.engine != nil {
			w.found(w.engine.Keep(list, began, time.Now()), time.Now())
		}
	})
}

// amiManager does things in Asterisk over AMI.
type amiManager struct{ client *ami.Client }

// Since is zero also where Asterisk does not let us leave out forged events (write = system): who
// may not do that may not bar an account either.
func (m amiManager) Since() time.Time {
	state := m.client.State()
	if !state.Guarded {
		return time.Time{}
	}
	return state.Since
}

func (m amiManager) Hangup(ctx context.Context, channel string) error {
	return m.client.Hangup(ctx, channel)
}

func (m amiManager) DBPut(ctx context.Context, family, key, value string) error {
	return m.client.DBPut(ctx, family, key, value)
}

func (m amiManager) DBDel(ctx context.Context, family, key string) error {
	return m.client.DBDel(ctx, family, key)
}

// mostChannels bounds a list of channels.
const mostChannels = 50_000

func (m amiManager) Channels(ctx context.Context) (list []string, err error) {
	var message manager.Message
	err = m.client.List(ctx, func(packet []byte) bool {
		message.Read(packet)
		if channel := message.Channel(); channel != "" {
			list = append(list, channel)
		}
		return len(list) < mostChannels
	}, "CoreShowChannels")
	return list, err
}
