package main

import (
	"cmp"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/parsers"
	"pbxjail/watcher/wire"
)

func (a *app) parseVerb() *cobra.Command {
	var own []string
	var config, folder string
	c := &cobra.Command{
		Use:   "parse [FILE]",
		Short: "what pbxjail reads in a log, line by line; needs no daemon",
		Long: `parse prints for each line of a log (stdin without FILE, or for -) what it is:

  offence    an attempt: the address may get points for it
  signal     a log-in, a challenge, an alarm of the log: no address gets points
  ambiguous  an attempt whose address cannot be trusted: no address gets points
  none       anything else; printed with --json only

parse reads as the daemon does, with the patterns of the jails that read this log. Stdin,
and a log that no jail names, are read with the patterns of all jails.`,
		Args: atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			addrs, err := addrsOf("own", own)
			if err != nil {
				return err
			}
			name := append(args, "-")[0]
			main, list, err := jailsOf(config, folder, "")
			if err != nil {
				return err
			}
			every, _ := main.EveryJail() // also those that are switched off: parse shows what they would read
			judge := jails.NewJudge(list, jails.NewGuard(nil, nil), book.NewBook(nil, nil), main.MaxAddresses, true)
			end := a.startProgress(c.Context())
			err = a.parse(name, addrs, judge.Source(name), jails.ForeignIn(every, name))
			return cmp.Or(err, end())
		},
	}
	c.Flags().StringArrayVar(&own, "own", nil, "an address of the PBX itself, which never gets points; may be repeated")
	c.Flags().StringVar(&config, "config", "", "main file (default "+configs.DefaultMain+", where it exists)")
	c.Flags().StringVar(&folder, "jails", "", "folder of jail files, in place of the one in the main file")
	return c
}

func (a *app) parse(name string, own []netip.Addr, source *jails.Source, foreign parsers.Services) error {
	text, until, closeLog, err := a.openLog(name)
	if err != nil {
		return err
	}
	defer closeLog()
	if magic, _ := text.Peek(wire.MagicLen); wire.IsTrace(magic) {
		return control.Refuse(0, "for packet traces: jailctl replay "+name, "%s is a packet trace, not a log", name)
	}
	p := parsing{own: own, parser: parsers.New(parsers.Clock{Zone: time.Local, Until: until}, source.Patterns()...)}
	if a.json {
		p.json = &jsonLines{out: a.stdout}
	} else {
		p.table = a.newTable("LINE", "RESULT", "ADDRESS", "KIND", "EVIDENCE", "POINTS", "RULE", "DOUBT")
	}
	p.parser.SetForeign(source.Foreign() | foreign)
	p.parser.LookAhead()
	for blocks := parsers.NewBlocks(text); ; {
		data, cut, err := blocks.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		p.parser.Continues(blocks.Ahead())
		p.block(data, cut)
	}
	return p.end()
}
