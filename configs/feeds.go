package configs

import (
	"embed"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"pbxjail/configs/ports"
	"pbxjail/configs/show"
)

// MaxFeedEntries is the default limit for the entries of a feed.
const MaxFeedEntries = 500_000

const (
	maxFeeds      = 64
	shippedPrefix = "shipped/"
	leastInterval = time.Minute // protects the server of the list
)

// FeedFormats are the formats of feeds, as Feed.Format names them.
var FeedFormats = []string{"auto", "text", "apiban", "json-lines"}

// Feed is a list of bad addresses that others maintain.
type Feed struct {
	Line int // its line in the file

	Name       string        `yaml:"name" example:"blocklist-sip" doc:"Name of the feed, as jailctl feeds and jailctl why show it."`
	URL        string        `yaml:"url" example:"https://lists.blocklist.de/lists/sip.txt" doc:"The list is fetched from here: http or https. Write either url or file."`
	File       string        `yaml:"file" optional:"shipped/ranges.txt" doc:"The list is read from this file: a full path, or shipped/NAME for a list that comes with pbxjail."`
	Format     string        `yaml:"format" default:"auto" doc:"auto, text (one address, network or range a line), apiban or json-lines (DROP of Spamhaus)."`
	Interval   time.Duration `yaml:"interval" default:"6h" doc:"How often a url is fetched. A file is read again when it changes."`
	Use        string        `yaml:"use" default:"factor" check:"one of factor ban both" doc:"factor: log lines of a listed address get more points. ban: packets of listed addresses are dropped, without any log line. both: both of these."`
	Factor     float64       `yaml:"factor" default:"1.5" check:"factor 1 to 100" doc:"Points of log lines from a listed address are multiplied by this."`
	Ports      []ports.Range `yaml:"ports" optional:"[5060, 10000-20000/udp]" doc:"Ports that a feed with use ban or both closes. Left out: every port."`
	Protocol   string        `yaml:"protocol" default:"any" check:"one of any udp tcp" doc:"any, udp or tcp. It holds for ports that are written without /udp or /tcp, and for feeds without ports."`
	MaxEntries int           `yaml:"max_entries" default:"500000" check:"from 1 to 2000000" doc:"A list with more entries is refused, and the previous list stays in use."`
	Enabled    bool          `yaml:"enabled" default:"true" doc:"false switches the feed off."`
}

// LongestFeed is how long the name of a feed that bans may be, in bytes. Names of sets have
// 31 bytes, and consist of the names of our chain and of the feed (ipset(8) IPSET_MAXNAMELEN).
func LongestFeed(chain string) int { return min(16, 31-len(chain)-len("-")-len("-4t")) }

// Weighs reports whether log lines of listed addresses get more points.
func (f Feed) Weighs() bool { return f.Enabled && f.Use != "ban" }

// Closes returns the ports that are closed to listed addresses; none: every port.
func (f Feed) Closes() (list []ports.Range) {
	if f.Protocol != "udp" && f.Protocol != "tcp" {
		return f.Ports
	}
	if len(f.Ports) == 0 {
		return []ports.Range{{Proto: f.Protocol, From: 1, To: 65535}}
	}
	for _, r := range f.Ports {
		if r.Proto == "" {
			r.Proto = f.Protocol
		}
		list = append(list, r)
	}
	return list
}

// Bans reports whether packets of listed addresses are dropped without any log line.
func (f Feed) Bans() bool { return f.Enabled && f.Use != "factor" }

//go:embed feeds/*.txt
var embeddedFeeds embed.FS

// ShippedFeed returns the text of a feed that comes with the program, for a
// Feed.File such as shipped/ranges.txt; ok is false when there is none.
func ShippedFeed(file string) (data []byte, ok bool) {
	name, ok := strings.CutPrefix(file, shippedPrefix)
	if !ok {
		return nil, false
	}
	data, err := embeddedFeeds.ReadFile("feeds/" + name)
	return data, err == nil
}

func validateFeeds(d *decoder, list []Feed) {
	if len(list) > maxFeeds {
		d.fault("feeds", fmt.Sprintf("remove %d feeds. Or save several lists as one file on this machine; then write one feed for them, with file: PATH", len(list)-maxFeeds), "too many feeds: %d, the limit is %d", len(list), maxFeeds)
	}
	first := map[string]int{}
	for i, f := range list {
		at := fmt.Sprintf("feeds[%d]", i)
		f.validate(d, at)
		if line := first[f.Name]; line != 0 {
			d.fault(at+".name", "give one of the two feeds another name", "%s is already the name of the feed in line %d", quote(f.Name), line)
		}
		first[f.Name] = f.Line
	}
}

func (f Feed) validate(d *decoder, at string) {
	if !jailName.MatchString(f.Name) {
		d.fault(at+".name", "use a to z, 0 to 9 and -, at most 20 characters", "%s cannot be the name of a feed", quote(f.Name))
	}
	f.validateSource(d, at)
	checkWord(d, at+".format", f.Format, FeedFormats...)
	if len(f.Ports) > maxPortSlots {
		d.fault(at+".ports", "write ranges such as 5060-5080 in place of single ports", "too many ranges: %d, the limit is %d", len(f.Ports), maxPortSlots)
	}
	if f.Interval < leastInterval {
		d.fault(at+".interval", "write a time such as 6h, at least 1m", "%s is too short: pbxjail does not fetch a feed more often than once a minute", show.Duration(f.Interval))
	}
}

func (f Feed) validateSource(d *decoder, at string) {
	switch {
	case f.URL == "" && f.File == "":
		d.fault(at, "write url: https://... or file: PATH below this feed", "has neither url nor file")
	case f.URL != "" && f.File != "":
		d.fault(at, "remove url or file; for two lists, write two feeds", "has both url and file, but can have only one")
	case f.URL != "":
		u, err := url.Parse(f.URL)
		if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) {
			d.fault(at+".url", "write an address such as https://lists.blocklist.de/lists/sip.txt", "is not a web address: it must begin with http:// or https:// and the name of a server")
		}
	case strings.HasPrefix(f.File, shippedPrefix):
		if _, ok := ShippedFeed(f.File); !ok {
			d.fault(at+".file", "write "+strings.Join(shippedFeeds(), ", or ")+", or the path of a file", "%s does not come with pbxjail", quote(f.File))
		}
	default:
		checkAbsolute(d, at+".file", f.File)
	}
}

func shippedFeeds() (names []string) {
	entries, _ := embeddedFeeds.ReadDir("feeds")
	for _, e := range entries {
		names = append(names, path.Join("shipped", e.Name()))
	}
	return names
}
