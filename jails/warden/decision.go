package warden

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"pbxjail/jails/book"
)

// What is the kind of a Decision.
type What uint8

const (
	Banned       What = iota // by a log, or by packets
	BannedByHand             // by hand
	LetOut                   // by hand, or because it is protected now: By or Why
	WouldBan                 // the jail only observes
	NotBanned                // it is protected, otherwise it would be banned: Why
	Alarm                    // something that the operator should look at
)

// Decision is what the warden decided about a prefix, for the log and the notifiers.
type Decision struct {
	What What
	Ban  book.Ban  // without its lines; only the prefix when What is LetOut
	By   string    // who let it out by hand
	Why  string    // the protection
	At   time.Time // when it was carried out; zero: now
}

// Log writes the decision as a line of a log, with the time of the decision: the line may
// have waited for its reader.
func (d Decision) Log(log *slog.Logger) {
	log = slog.New(stamped{log.Handler(), d.At})
	b := d.Ban
	switch d.What {
	case Banned, BannedByHand:
		if b.Observed {
			log.Info("would ban: pbxjail only observes, so nothing is dropped", "prefix", b.Prefix, "jail", b.Jail, "reason", b.Reason, "evidence", b.Evidence, "strike", b.Strike, "ports", b.Ports, "for", forWords(b))
			return
		}
		if d.What == BannedByHand {
			log.Info("ban by hand", "prefix", b.Prefix, "jail", b.Jail, "by", b.By, "ports", b.Ports, "for", forWords(b))
			return
		}
		log.Info("ban", "prefix", b.Prefix, "jail", b.Jail, "reason", b.Reason, "evidence", b.Evidence, "strike", b.Strike, "ports", b.Ports, "for", forWords(b))
	case LetOut:
		if d.By != "" {
			log.Info("unban", "prefix", b.Prefix, "by", d.By)
		} else {
			log.Info("unban", "prefix", b.Prefix, "why", d.Why)
		}
	case WouldBan:
		log.Info("would ban: this jail only observes, so nothing is dropped", "prefix", b.Prefix, "jail", b.Jail, "reason", b.Reason)
	case NotBanned:
		log.Warn("not banned: the address is protected", "prefix", b.Prefix, "jail", b.Jail, "protection", d.Why, "reason", b.Reason)
	case Alarm:
		log.Warn("alarm for the admin", "prefix", b.Prefix, "jail", b.Jail, "reason", b.Reason)
	default:
		log.Warn(fmt.Sprintf("decision %d", d.What), "prefix", b.Prefix)
	}
}

// stamped gives each record this time, unless it is zero.
type stamped struct {
	slog.Handler
	at time.Time
}

func (s stamped) Handle(ctx context.Context, r slog.Record) error {
	if !s.at.IsZero() {
		r.Time = s.at
	}
	return s.Handler.Handle(ctx, r)
}

// announce passes a decision to Decided, or logs it. mu is held.
func (w *Warden) announce(d Decision) {
	d.Ban, d.At = d.Ban.WithoutLines(), time.Now()
	if w.Decided == nil {
		d.Log(w.log)
		return
	}
	w.Decided(d)
}
