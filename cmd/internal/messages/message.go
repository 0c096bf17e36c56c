package messages

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"pbxjail/configs/show"
)

// Message is what a channel sends: JSON for a webhook and a program. Fields are added, never
// changed.
type Message struct {
	ID       string       `json:"id"` // stays the same when the same message is tried again
	Host     string       `json:"host"`
	At       time.Time    `json:"at"`
	Severity Severity     `json:"severity"` // the highest in it
	Kind     Kind         `json:"kind"`     // of what matters most in it
	Title    string       `json:"title"`    // one line
	Text     string       `json:"text"`     // for people, several lines
	Items    []Item       `json:"items"`
	Bans     *Bans        `json:"bans,omitempty"`
	Dropped  map[Kind]int `json:"dropped,omitempty"` // events that are not in it, because there were too many
	Lost     uint64       `json:"lost,omitempty"`    // decisions that came too fast to be looked at

	digest bool // it took a digest's turn, and no critical event's
}

// message makes the message of a lane. bare: it has no text of others, for a receiver that
// refuses such text, as a filter of spam does.
func (l *lane) message(host string, now time.Time, bare bool) Message {
	if l.ID == "" {
		l.ID = rand.Text()
	}
	c := l.clone()
	m := Message{ID: l.ID, Host: host, At: now.UTC(), Items: c.Items, Bans: c.Bans, Dropped: c.Dropped, Lost: c.Lost, Kind: Ban}
	if bare {
		m.strip()
	}
	slices.SortStableFunc(m.Items, func(a, b Item) int { return cmp.Compare(b.Severity, a.Severity) })
	if m.Bans != nil && m.Bans.Flood {
		m.Severity, m.Kind = Warning, ManyBans
	}
	for i, item := range m.Items {
		if m.Severity = max(m.Severity, item.Severity); i == 0 && item.Severity >= m.Severity {
			m.Kind = item.Kind
		}
	}
	m.Title, m.Text = m.title(), m.text()
	return m
}

// strip takes out all that others have written.
func (m *Message) strip() {
	for i := range m.Items {
		m.Items[i].What = "The text is left out, because the receiver refused it; to see it: jailctl status, or journalctl -u pbxjail"
	}
	if m.Bans != nil {
		m.Bans.Examples = nil
	}
}

// title is the message in one line.
func (m *Message) title() string {
	what := ""
	switch {
	case len(m.Items) > 0:
		first := m.Items[0]
		what = titles[first.Kind]
		if first.Over {
			what = "no longer: " + what
		}
		if first.Prefix.IsValid() {
			what += ": " + show.Address(first.Prefix)
		}
		if n := len(m.Items) - 1; n > 0 {
			what += ", and " + strconv.Itoa(n) + " more"
		}
		if m.Bans != nil {
			what += ", " + show.Count(m.Bans.Total, "ban")
		}
	case m.Bans != nil:
		what = show.Count(m.Bans.Total, "ban") + within(m.Bans)
	default:
		what = "messages are missing"
	}
	if m.Severity > Info {
		what = m.Severity.String() + ": " + what
	}
	return show.Flat("pbxjail on "+m.Host+": "+what, 200)
}

func within(b *Bans) string {
	if took := b.To.Sub(b.From); took >= time.Second {
		return " in " + show.Brief(took)
	}
	return ""
}

// text is the message for people.
func (m *Message) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, i := range m.Items {
		head := strings.ToUpper(i.Severity.String()) + ": " + titles[i.Kind]
		if i.Over {
			head = "OVER: " + titles[i.Kind]
		}
		if i.Times > 1 {
			head += ", " + strconv.Itoa(i.Times) + " times"
		}
		line("%s, %s", head, show.Stamp(i.At))
		line("  %s", show.Terminal(i.What))
		if i.Prefix.IsValid() {
			line("  address: %s%s", show.Address(i.Prefix), inBrackets(i.Country))
		}
		if i.Hint != "" {
			line("  what to do: %s", show.Terminal(i.Hint))
		}
		line("")
	}
	if m.Bans != nil {
		m.Bans.text(line)
	}
	if len(m.Dropped) > 0 {
		line("Not in this message, because there were too many: %s. To see them: journalctl -u pbxjail", counts(m.Dropped, maxNames))
		line("")
	}
	if m.Lost > 0 {
		line("Not counted, because they came too fast: %s. To see all bans: jailctl list", show.Count(int(m.Lost), "decision"))
		line("")
	}
	line("sent by pbxjail on %s, %s; to see what is wrong now: jailctl status", show.Flat(m.Host, 200), show.Stamp(m.At))
	return b.String()
}

// mostCounted is how many names are shown with their counts.
const mostCounted = 8

func (b *Bans) text(line func(string, ...any)) {
	head := show.Count(b.Total, "ban")
	if b.Flood {
		head = "MANY BANS: " + head
	}
	line("%s from %s to %s", head, show.Stamp(b.From), show.Stamp(b.To))
	if b.Observed > 0 {
		line("  only observed: %d; no packets of these are dropped", b.Observed)
	}
	if len(b.Jails) > 0 {
		line("  by jail: %s", counts(b.Jails, mostCounted))
	}
	if len(b.Countries) > 0 {
		line("  by country: %s", counts(b.Countries, mostCounted))
	}
	for _, e := range b.Examples {
		line("  %s%s: %s", show.Address(e.Prefix), inBrackets(strings.TrimPrefix(e.Jail+", "+e.Country, ", ")), show.Terminal(e.What))
	}
	if more := b.Total - len(b.Examples); more > 0 {
		line("  and %d more; to see them: jailctl list", more)
	}
	line("")
}

func inBrackets(text string) string {
	if text = strings.TrimSuffix(text, ", "); text == "" {
		return ""
	}
	return " (" + show.Terminal(text) + ")"
}

// counts are names with their numbers, most first; the others are one number.
func counts[K ~string](m map[K]int, most int) string {
	names := slices.SortedFunc(maps.Keys(m), func(x, y K) int { return cmp.Or(m[y]-m[x], cmp.Compare(x, y)) })
	var parts []string
	rest := 0
	for i, n := range names {
		if i >= most || string(n) == others {
			rest += m[n]
			continue
		}
		parts = append(parts, show.Terminal(cmp.Or(string(n), "unknown"))+" "+strconv.Itoa(m[n]))
	}
	if rest > 0 {
		parts = append(parts, others+" "+strconv.Itoa(rest))
	}
	return strings.Join(parts, ", ")
}
