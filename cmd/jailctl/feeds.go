package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/jails/feeds"
)

func (a *app) feedsVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "feeds",
		Short: "the lists of bad addresses from others, and what pbxjail uses of them",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := a.client().Feeds(c.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(list)
			}
			return a.printFeeds(list)
		},
	}
	c.AddCommand(a.feedsCheckVerb())
	return c
}

func (a *app) printFeeds(list []control.Feed) error {
	if len(list) == 0 {
		a.say("no feed is configured; to add one: jailctl help feeds-and-rules")
		return nil
	}
	for _, f := range list {
		if f.Problem != "" {
			a.say("problem: feed %s: %s", f.Name, f.Problem)
			a.say("   hint: %s", f.Hint)
		}
	}
	t := a.newTable("FEED", "USE", "ENTRIES", "REFUSED", "CONFIRMED", "IN FIREWALL", "PROTECTED", "STATE", "SOURCE")
	for _, f := range list {
		confirmed := "never"
		if f.Checked != nil {
			confirmed = a.ago(*f.Checked)
		}
		t.row(f.Name, use(f), number(f.Entries), number(f.Refused), confirmed, number(f.InKernel), number(f.Protected), feedState(f), f.Source)
	}
	if err := t.end(); err != nil {
		return err
	}
	a.say("")
	for _, line := range feedLegend(list) {
		a.say("%s", line)
	}
	return nil
}

// feedLegend explains the columns of printFeeds, and the words that are in them.
func feedLegend(list []control.Feed) []string {
	lines := []string{
		"USE ban: packets of all its addresses are dropped; x 2: attempts of its addresses get 2 times the points",
		"ENTRIES: addresses and networks in the list; REFUSED: lines that pbxjail cannot use",
		"CONFIRMED: when the source last said that the list is current; IN FIREWALL: networks whose packets are dropped",
		"PROTECTED: networks that are not dropped as a whole, because protected addresses are inside",
	}
	if slices.ContainsFunc(list, func(f control.Feed) bool { return feedState(f) == "waits" }) {
		lines = append(lines, "waits: the list is not fetched yet; pbxjail fetches it by itself")
	}
	return lines
}

// use is what a feed is used for, with its factor where it has one.
func use(f control.Feed) string {
	switch f.Use {
	case "ban":
		return "ban"
	case "both":
		return "ban, x " + points(f.Factor)
	}
	return "x " + points(f.Factor)
}

// feedState is one word: the problem itself is in the list of problems.
func feedState(f control.Feed) string {
	switch {
	case !f.Enabled:
		return "off"
	case f.Problem != "":
		return "problem"
	case f.Fetched == nil:
		return "waits"
	}
	return "good"
}

func (a *app) feedsCheckVerb() *cobra.Command {
	var format string
	var most int
	c := &cobra.Command{
		Use:   "check FILE|-",
		Short: "test a list as the daemon would read it; needs no daemon",
		Args:  takes("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(configs.FeedFormats, format) {
				return usage("write one of "+strings.Join(configs.FeedFormats, ", "), "there is no format %q", format)
			}
			return a.checkFeed(args[0], format, most)
		},
	}
	c.Flags().StringVar(&format, "format", "auto", "format of the list: "+strings.Join(configs.FeedFormats, ", "))
	c.Flags().IntVar(&most, "max-entries", configs.MaxFeedEntries, "most entries; a longer list is refused")
	return c
}

// checked is what feeds check prints as JSON.
type checked struct {
	File     string             `json:"file"`
	Format   string             `json:"format"`
	Entries  int                `json:"entries"`
	Prefixes int                `json:"prefixes"` // without those inside others
	Masked   int                `json:"masked"`
	Dropped  int                `json:"dropped"`
	Refused  int                `json:"refused"`
	Notes    []control.FeedNote `json:"notes"`
}

func (a *app) checkFeed(name, format string, most int) error {
	in, closeFeed, err := a.openFeed(name)
	if err != nil {
		return err
	}
	defer closeFeed()
	list, err := feeds.Parse(in, format, most)
	r := checked{name, list.Format, list.Entries, len(list.Prefixes), list.Masked, list.Dropped, list.Refused, []control.FeedNote{}}
	for _, n := range list.Notes {
		r.Notes = append(r.Notes, control.FeedNote(n))
	}
	if err != nil {
		a.complainOf(r.Notes)
		return control.Refuse(0, hint.Of(err), "%s is refused: %w", name, err)
	}
	if a.json {
		return a.emit(r)
	}
	a.say("%s: format %s, %s used, %s", name, r.Format, show.Count(r.Entries, "line"), prefixesOf(r.Prefixes))
	for _, kind := range []struct {
		n    int
		what string
	}{
		{r.Masked, "corrected, because the address is not the start of its network"},
		{r.Dropped, "not used, because the address is not public"},
		{r.Refused, "not used, because pbxjail does not understand the text"},
	} {
		if kind.n > 0 {
			a.say("%s %s", show.Count(kind.n, "line"), kind.what)
		}
	}
	for _, n := range r.Notes {
		a.say("line %d: %s", n.Line, n.What)
	}
	if shown := len(r.Notes); shown < r.Masked+r.Dropped+r.Refused {
		a.say("and %d more lines like these", r.Masked+r.Dropped+r.Refused-shown)
	}
	return nil
}

func prefixesOf(n int) string {
	if n == 1 {
		return "1 network or address"
	}
	return fmt.Sprintf("%d networks and addresses", n)
}

func (a *app) complainOf(notes []control.FeedNote) {
	for _, n := range notes {
		a.complain("line %d: %s", n.Line, n.What)
	}
}

// openFeed opens a feed's file, one that is shipped, or stdin for "-".
func (a *app) openFeed(name string) (io.Reader, func() error, error) {
	nothing := func() error { return nil }
	if name == "-" {
		return a.stdin, nothing, nil
	}
	if data, ok := configs.ShippedFeed(name); ok {
		return strings.NewReader(string(data)), nothing, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, control.Refuse(0, "check the path; to read from stdin, write - in place of the path", "%w", hint.Cannot(err))
	}
	return f, f.Close, nil
}
