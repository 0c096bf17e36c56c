package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/lab"
)

// heardBench is how the memory of senders in the kernel is measured.
type heardBench struct {
	pbxjail, jailctl string
	rounds, packets  int
}

func benchHeardVerb() *cobra.Command {
	o := heardBench{rounds: 5, packets: 300_000}
	c := &cobra.Command{
		Use:   "bench-heard",
		Short: "measure what it costs a packet that the kernel remembers its sender, on SIP's port and on a port of media",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return o.run(c.Context(), c.OutOrStdout()) },
	}
	programFlags(c, &o.pbxjail, &o.jailctl)
	c.Flags().IntVar(&o.rounds, "rounds", o.rounds, "how often each is measured, in turns; the median is printed")
	c.Flags().IntVar(&o.packets, "packets", o.packets, "how many packets are sent for one figure")
	return c
}

// listening is a PBX whose kernel remembers senders, or not.
type listening struct {
	what       string
	net        *lab.Net
	sip, media []float64 // kpps
}

func (o heardBench) run(ctx context.Context, out io.Writer) (err error) {
	var list []*listening
	var closers []func() error
	defer func() {
		for _, leave := range closers {
			err = errors.Join(err, leave())
		}
	}()
	r := &report{out: out}
	for _, enforcer := range []string{"ipset", "nftables"} {
		for _, heard := range []bool{false, true} {
			more := fmt.Sprintf("wire: {enabled: false}\nenforcer: %s\nheard: {enabled: %t}\n", enforcer, heard)
			_, g, leave, err := oneGuard(ctx, out, o.pbxjail, o.jailctl, more)
			if err != nil {
				return err
			}
			closers = append(closers, leave)
			list = append(list, &listening{what: fmt.Sprintf("%s, heard %t", enforcer, heard), net: g.net})
		}
	}
	for range o.rounds {
		for _, l := range list {
			for port, rates := range map[uint16]*[]float64{lab.Port: &l.sip, mediaPort: &l.media} {
				through, took, err := l.net.FloodTo(passerby, port, o.packets)
				if err != nil {
					return err
				}
				if through < o.packets*99/100 {
					r.fault("%s: of %d packets %d came through", l.what, o.packets, through)
				}
				*rates = append(*rates, float64(through)/took.Seconds()/1000)
			}
		}
	}
	r.title("%d packets of one address over veth, sender and receiver on one processor, medians of %d", o.packets, o.rounds)
	t := r.table("IN THE KERNEL", "SIP KPPS", "RATIO", "MEDIA KPPS", "RATIO")
	for i, l := range list {
		without := list[i&^1] // the same enforcer, and heard is off
		fmt.Fprintf(t, "%s\t%.1f\t%.2f\t%.1f\t%.2f\n", l.what, median(l.sip), median(l.sip)/median(without.sip), median(l.media), median(l.media)/median(without.media))
	}
	return t.Flush()
}

// mediaPort is one of RTP: nothing of ours looks at it.
const mediaPort = 10_000
