package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/lab"
)

func netVerb() *cobra.Command {
	var addrs []netip.Addr
	return &cobra.Command{
		Use:   "net ADDR...",
		Short: "make the namespaces, send from every ADDR, and print which ones the PBX answers, until interrupted",
		Args: func(_ *cobra.Command, args []string) (err error) {
			addrs, err = senders(args)
			return err
		},
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := lab.New()
			if err != nil {
				return err
			}
			defer n.Close()
			stream, stop, err := startTraffic(c.Context(), n, lab.Port, pace, addrs)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			fmt.Fprintf(out, "the PBX answers at %s and %s, port %d, in namespace %s:\n", lab.PBX4, lab.PBX6, lab.Port, n.PBX.Name())
			fmt.Fprintf(out, "  ip netns exec %s pbxjail --config FILE\n", n.PBX.Name())
			tell(c, out, stream, addrs)
			return stop()
		},
	}
}

func senders(args []string) (addrs []netip.Addr, err error) {
	for _, arg := range args {
		addr, err := netip.ParseAddr(arg)
		if err != nil || addr.Zone() != "" || addr.Is4In6() {
			return nil, fmt.Errorf("%q is not an address that can send packets", arg)
		}
		addrs = append(addrs, addr)
	}
	if len(addrs) == 0 {
		return nil, errors.New("give the addresses that send")
	}
	return addrs, nil
}

// tell prints a line when the PBX begins or stops to answer an address.
func tell(c *cobra.Command, out io.Writer, stream *lab.Stream, addrs []netip.Addr) {
	tick := time.NewTicker(20 * pace)
	defer tick.Stop()
	before := stream.Tallies()
	state := map[netip.Addr]string{}
	for {
		select {
		case <-tick.C:
		case <-c.Context().Done():
			return
		}
		now := stream.Tallies()
		for _, addr := range addrs {
			is := "silence"
			if now[addr].Answered > before[addr].Answered {
				is = "answered"
			}
			if state[addr] != is {
				fmt.Fprintf(out, "%s  %s: %s\n", time.Now().Format(time.TimeOnly), addr, is)
			}
			state[addr] = is
		}
		before = now
	}
}
