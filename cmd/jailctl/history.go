package main

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/show"
	"pbxjail/parsers"
)

// historyBys are what --by takes.
var historyBys = append([]string{"day"}, control.HistoryBys...)

// historyWhats are the kinds of entries; the other kinds are those of attempts.
var historyWhats = []string{"ban", "observed", "guessed", "stolen", "barred"}

func historyKinds() []string { return append(slices.Clone(historyWhats), parsers.OffenceKinds()...) }

// historyFlags are the flags of the verb, as they are written.
type historyFlags struct {
	since, until, net, addr, account string
	csv                              bool
}

// noPast is the answer where no entry of the history matches.
const noPast = "no entry of the history matches; to look further back: jailctl history --since 90d"

func (a *app) historyVerb() *cobra.Command {
	var q control.HistoryRequest
	var f historyFlags
	c := &cobra.Command{
		Use:   "history",
		Short: "earlier bans and alarms: a list, or sums with --by",
		Long: `history prints the bans and alarms of the last 7 days, newest last; --since 90d and --since
forever go further back. All conditions apply together. --by prints how many there were instead,
with bars. A page about the history: jailctl help earlier-bans

KIND is what most of the attempts were. TRIED are accounts and numbers that callers tried. --csv
writes an apostrophe before a cell that begins with = + - or @, so that a spreadsheet does not
run it as a formula.

Sums by day, hour, jail, country and kind are kept for each hour of UTC. They name no address, and
are not changed when an entry is erased or its address is shortened. With --net, --addr or
--account they are counted from the entries.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := a.fillHistory(&q, f); err != nil {
				return err
			}
			if q.By == "" {
				return a.printPast(c, q, f.csv)
			}
			return a.printSums(c, q, f.csv)
		},
	}
	c.Flags().StringVar(&f.since, "since", "7d", "from this long ago: 24h, 90d, forever; or a date such as 2026-11-20")
	c.Flags().StringVar(&f.until, "until", "", "up to this long ago, or a date")
	c.Flags().StringVar(&q.Jail, "jail", "", "only those of this jail")
	c.Flags().StringVar(&q.Country, "country", "", "only those in this country, such as NL")
	c.Flags().StringVar(&f.net, "net", "", "only those in this network, such as 203.0.113.0/24 or AS64500")
	c.Flags().StringVar(&f.addr, "addr", "", "only those of this address, and of networks that have it")
	c.Flags().StringVar(&f.account, "account", "", "only those that tried this account, as it is printed")
	c.Flags().StringVar(&q.Kind, "kind", "", "only "+strings.Join(historyWhats, ", ")+", or what was tried, such as bad-password")
	c.Flags().StringVar(&q.By, "by", "", "sum up by "+strings.Join(historyBys, ", "))
	c.Flags().BoolVar(&f.csv, "csv", false, "print CSV")
	c.Flags().IntVarP(&q.N, "rows", "n", 50, "how many, from the newest on; of sums, from the largest on")
	c.MarkFlagsMutuallyExclusive("net", "addr")
	return c
}

// fillHistory reads the flags.
func (a *app) fillHistory(q *control.HistoryRequest, f historyFlags) (err error) {
	if q.From, err = a.moment("--since", f.since); err != nil {
		return err
	}
	if q.To, err = a.moment("--until", f.until); err != nil {
		return err
	}
	if f.addr != "" {
		addr, err := netip.ParseAddr(f.addr)
		if err != nil {
			return notAddress(f.addr)
		}
		q.Prefix = netip.PrefixFrom(addr.Unmap().WithZone(""), addr.Unmap().BitLen())
	}
	if number, ok := strings.CutPrefix(strings.ToUpper(f.net), "AS"); ok {
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return usage("write a number such as AS64500", "--net: %q is not a network", f.net)
		}
		q.ASN = uint32(n)
	} else if f.net != "" {
		if q.Prefix, err = a.prefixArg(f.net); err != nil {
			return err
		}
	}
	q.Account = unescaped(f.account)
	if q.Kind != "" && !slices.Contains(historyKinds(), q.Kind) {
		return usage("write one of "+strings.Join(historyKinds(), ", "), "--kind: there is no kind %q", q.Kind)
	}
	if q.By != "" && !slices.Contains(historyBys, q.By) {
		return usage("write one of "+strings.Join(historyBys, ", "), "--by: history is not summed up by %q", q.By)
	}
	if q.N < 1 || q.N > control.MostHistory {
		return usage("write a number from 1 to "+number(control.MostHistory), "-n: %d is out of range", q.N)
	}
	return nil
}

// unescaped takes an account as it is printed, escapes and all, or as it is.
func unescaped(text string) string {
	if plain, err := strconv.Unquote(`"` + text + `"`); err == nil {
		return plain
	}
	return text
}

// moment reads a time before now, or a date; forever and "" are the zero time.
func (a *app) moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02 15:04", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, text, a.zone()); err == nil {
			return at, nil
		}
	}
	d, err := configs.ParseDuration(text)
	if err != nil {
		return time.Time{}, usage("write a time such as 24h, 7d or forever, or a date such as 2026-11-20", "%s: %q is not a time", flag, text)
	}
	if d == configs.Forever {
		return time.Time{}, nil
	}
	return a.now().Add(-d), nil
}

// zone is the time zone of what is printed.
func (a *app) zone() *time.Location {
	if a.utc {
		return time.UTC
	}
	return time.Local
}

// printPast prints entries, the newest last.
func (a *app) printPast(c *cobra.Command, q control.HistoryRequest, csv bool) error {
	list := []control.HistoryEntry{}
	err := a.client().EachPast(c.Context(), q, func(e *control.HistoryEntry) error {
		list = append(list, *e)
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(list)
	switch {
	case csv:
		return a.pastCSV(list)
	case a.json:
		return a.emit(list)
	case len(list) == 0:
		a.say(noPast)
		return nil
	}
	t := a.newTable("WHEN", "WHAT", "ADDRESS", "COUNTRY", "JAIL", "KIND", "LASTED", "ATTEMPTS", "TRIED")
	for i := range list {
		e := &list[i]
		t.row(a.stamp(e.At), e.What, addressOf(e)+mark(e.Short, "*"), cmp.Or(e.Country, "unknown"), e.Jail, e.Kind, a.lasted(e), number(e.Attempts), triedWords(e))
	}
	if err := t.end(); err != nil {
		return err
	}
	a.say("")
	text := show.Count(len(list), "entry")
	if len(list) != 1 {
		text = number(len(list)) + " entries"
	}
	if len(list) == q.N {
		text += ", the newest ones; to see more: jailctl history -n 500"
	}
	a.say("%s", text)
	for _, line := range pastLegend(list) {
		a.say("%s", line)
	}
	return nil
}

// pastLegend explains the columns of printPast, and the words that are in them.
func pastLegend(list []control.HistoryEntry) []string {
	lines := []string{"KIND: what most of the attempts were; LASTED: length of the ban; TRIED: accounts and numbers that callers tried"}
	for _, w := range []struct{ what, text string }{
		{"observed", "observed: a ban that was only recorded; nothing was dropped"},
		{"guessed", "guessed: an alarm: someone may have guessed the password of an account"},
		{"stolen", "stolen: an alarm: an account made calls like a thief"},
		{"barred", "barred: pbxjail closed an account for calls; to see it: jailctl calls"},
	} {
		if slices.ContainsFunc(list, func(e control.HistoryEntry) bool { return e.What == w.what }) {
			lines = append(lines, w.text)
		}
	}
	if slices.ContainsFunc(list, func(e control.HistoryEntry) bool { return e.Short }) {
		lines = append(lines, "*: only the network of the address is kept; the key keep_addresses of the main file says how long whole addresses are kept")
	}
	return lines
}

// addressOf is the address of an entry; - where it is about none.
func addressOf(e *control.HistoryEntry) string {
	if !e.Prefix.IsValid() {
		return "-"
	}
	return show.Address(e.Prefix)
}

func mark(on bool, text string) string {
	if on {
		return text
	}
	return ""
}

func prefixText(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

// lasted is how long a ban lasted, or lasts.
func (a *app) lasted(e *control.HistoryEntry) string {
	switch {
	case e.What == "guessed" || e.What == "stolen" || e.What == "barred":
		return ""
	case e.Until == nil:
		return "forever"
	case e.Ended != "":
		return show.Brief(e.Until.Sub(e.At)) + " (ended early)"
	case e.Until.After(a.now()):
		return show.Brief(e.Until.Sub(e.At)) + " (still banned)"
	}
	return show.Brief(e.Until.Sub(e.At))
}

// mostTried is how many names a row shows.
const mostTried = 3

func triedWords(e *control.HistoryEntry) string {
	names := append(slices.Clone(e.Accounts), e.Numbers...)
	text := strings.Join(names[:min(len(names), mostTried)], ", ")
	if more := len(names) - mostTried; more > 0 {
		text += " and " + number(more) + " more"
	}
	return text
}

// pastCSV prints entries for a spreadsheet. Times are UTC.
func (a *app) pastCSV(list []control.HistoryEntry) error {
	out := newCSV(&bytes.Buffer{}, "at", "until", "what", "prefix", "short", "jail", "country", "asn", "kind", "service", "evidence", "strike", "attempts", "score", "by", "ended", "accounts", "numbers")
	for i := range list {
		e := &list[i]
		until := ""
		if e.Until != nil {
			until = e.Until.UTC().Format(time.RFC3339)
		}
		out.row(e.At.UTC().Format(time.RFC3339), until, e.What, prefixText(e.Prefix), strconv.FormatBool(e.Short), e.Jail, e.Country, number(uint64(e.ASN)), e.Kind, e.Service,
			e.Evidence, number(e.Strike), number(e.Attempts), points(e.Score), e.By, e.Ended, strings.Join(e.Accounts, " "), strings.Join(e.Numbers, " "))
	}
	return out.end(a.stdout)
}
