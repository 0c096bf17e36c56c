package configs

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// Each item of a list has the defaults of its own keys, and no other item's.
func TestFeedDefaults(t *testing.T) {
	m, err := parseMain("", []byte("feeds:\n  - {name: a, url: 'https://a.example/', use: both, factor: 2.25, enabled: false}\n  - name: b\n    file: /b\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Feed{
		{Line: 2, Name: "a", URL: "https://a.example/", Format: "auto", Interval: 6 * time.Hour, Use: "both", Factor: 2.25, Protocol: "any", MaxEntries: MaxFeedEntries},
		{Line: 3, Name: "b", File: "/b", Format: "auto", Interval: 6 * time.Hour, Use: "factor", Factor: 1.5, Protocol: "any", MaxEntries: MaxFeedEntries, Enabled: true},
	}
	if !reflect.DeepEqual(m.Feeds, want) {
		t.Errorf("got %+v, want %+v", m.Feeds, want)
	}
	if got := Thousandths(m.Feeds[0].Factor); got != 2250 {
		t.Errorf("got a factor of %d thousandths, want 2250", got)
	}
}

func TestFeedUse(t *testing.T) {
	for _, c := range []struct {
		feed         Feed
		weighs, bans bool
	}{
		{Feed{Use: "factor", Enabled: true}, true, false},
		{Feed{Use: "ban", Enabled: true}, false, true},
		{Feed{Use: "both", Enabled: true}, true, true},
		{Feed{Use: "both"}, false, false},
	} {
		if c.feed.Weighs() != c.weighs || c.feed.Bans() != c.bans {
			t.Errorf("%+v: got %v, %v, want %v, %v", c.feed, c.feed.Weighs(), c.feed.Bans(), c.weighs, c.bans)
		}
	}
}

func TestShippedFeeds(t *testing.T) {
	if got := shippedFeeds(); !reflect.DeepEqual(got, []string{"shipped/freepbx-2019.txt", "shipped/ponytelecom.txt", "shipped/ranges.txt", "shipped/vitox.txt"}) {
		t.Errorf("got %v", got)
	}
	if _, ok := ShippedFeed("feeds/ranges.txt"); ok {
		t.Error("got a shipped feed without shipped/")
	}
	sizes := map[string]int{}
	for _, name := range shippedFeeds() {
		data, ok := ShippedFeed(name)
		if !ok {
			t.Fatal(name + " does not ship")
		}
		for line := range strings.Lines(string(data)) {
			entry, source, _ := strings.Cut(strings.TrimSpace(line), "#")
			if entry == "" {
				continue
			}
			if sizes[name]++; !strings.Contains(source, ", 20") {
				t.Errorf("%s, %q: no range without its source and date", name, line)
			}
		}
	}
	want := map[string]int{"shipped/ranges.txt": 1, "shipped/ponytelecom.txt": 10, "shipped/vitox.txt": 7, "shipped/freepbx-2019.txt": 26}
	if !reflect.DeepEqual(sizes, want) {
		t.Errorf("got %v ranges, want %v", sizes, want)
	}
}

// The feeds of the reference are commented out, and hold when they are not.
func TestFeedsOfReference(t *testing.T) {
	text, _, _ := strings.Cut(Reference(), "---\n")
	_, text, _ = strings.Cut(text, "# feeds:\n")
	text, _, _ = strings.Cut(text, "\n\n")
	m, err := parseMain("", []byte("feeds:\n"+strings.TrimPrefix(strings.ReplaceAll("\n"+text, "\n# ", "\n"), "\n")))
	if err != nil || len(m.Feeds) != 1 || m.Feeds[0].Use != "factor" || m.Feeds[0].URL == "" {
		t.Errorf("got %+v, %v", m, err)
	}
}
