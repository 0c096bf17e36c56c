package daemon

import (
	"context"
	"time"

	"pbxjail/jails/calls"
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
			w.pending[channel] = w.offerOf(c, account, now)
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

// offerOf is a channel that opens. The calls of guests count together. mu is held.
func (w *callWatch) offerOf(c *manager.Call, account string, now time.Time) offer {
	if !w.routes.guests.proves(c, string(c.Channel.Raw())) {
		account = calls.Guests
	}
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
		o = w.offerOf(c, account, now)
	}
	dest := cdr.AccountOf(string(c.Dest.Raw())) // "" of a dial that is doubtful: no caller excuses a call with a forged one
	number, ok := calls.Outgoing(o.number, string(c.Dialled.Raw()), dest, w.routes.isPhone)
	if to, out := w.routes.outside[dest]; out { // who registered it there let the call leave
		number, ok, o = to, true, offer{account: dest, began: o.began}
	} else if ok {
		w.routes.learn(string(c.Dialled.Raw()), dest)
	}
	if !ok {
		if !c.Doubtful && w.engine.DialsEmergency(string(c.Dialled.Raw())) { // no channel with such a call is hung up
			w.found(w.engine.End(channel, now), now)
		}
		return
	}
	w.found(w.engine.Begin(calls.Call{Channel: channel, Account: o.account, Group: o.group, Number: number, Began: o.began}, now), now)
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
