package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/spf13/cobra"
)

// enoughRequests is how many requests an attacker sends before it must be dropped
// in a cell with packets.
const enoughRequests = 5

func e2eWireVerb() *cobra.Command {
	o := e2eOptions{callers: []bool{true, false}}
	var only []string
	var callers string
	c := &cobra.Command{
		Use:   "e2e-wire",
		Short: "compare on real Asterisks what logs, packets and both of them see of the same attacks",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.cells = nil
			for _, name := range only {
				cell, err := parseCell(name)
				if err != nil {
					return err
				}
				o.cells = append(o.cells, cell)
			}
			if len(only) == 0 {
				o.cells = cells
			}
			if callers != "" {
				o.callers = []bool{callers == "yes"}
			}
			return e2e(c.Context(), c.OutOrStdout(), o)
		},
	}
	o.flags(c)
	c.Flags().StringSliceVar(&only, "cell", nil, "only these cells: ami, messages, all, packets, messages+packets, all+packets")
	c.Flags().StringVar(&callers, "guests", "", "yes or no: only with, or only without callers who have no account (default both)")
	return c
}

// outcome is what one attacker met in one cell.
type outcome struct {
	what            string
	dropped         bool
	packets, needed int // sent until the drop; 0 needed: it need not be dropped
}

// matrix collects outcomes over the cells of one Asterisk.
type matrix struct {
	cells []cell
	seen  map[netip.Addr]map[cell]outcome
}

func (m *matrix) note(c cell, a netip.Addr, o outcome) {
	if m.seen == nil {
		m.seen = map[netip.Addr]map[cell]outcome{}
	}
	if m.seen[a] == nil {
		m.seen[a] = map[cell]outcome{}
	}
	m.seen[a][c] = o
}

// print shows a row an attacker: the packets until the drop in each cell.
func (m *matrix) print(r *report, title string) {
	if len(m.seen) == 0 || len(m.cells) < 2 {
		return
	}
	r.title("%s: packets until the drop, by what pbxjail can see", title)
	head := []string{"  ATTACKER", "WHAT"}
	for _, c := range m.cells {
		head = append(head, c.String())
	}
	t := r.table(head...)
	var addrs []netip.Addr
	for a := range m.seen {
		addrs = append(addrs, a)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	total := map[cell]int{}
	for _, a := range addrs {
		row, what := "", ""
		for _, c := range m.cells {
			o := m.seen[a][c]
			what = cmp.Or(what, o.what)
			text := "-"
			if o.dropped {
				text = fmt.Sprint(o.packets)
				total[c]++
			}
			row += "\t" + text
		}
		fmt.Fprintf(t, "  %s\t%s%s\n", a, what, row)
	}
	fmt.Fprintf(t, "  dropped\tof %d", len(addrs))
	for _, c := range m.cells {
		fmt.Fprintf(t, "\t%d", total[c])
	}
	fmt.Fprintln(t)
	t.Flush()
}

// acts plays every cell on one Asterisk.
func acts(ctx context.Context, r *report, o e2eOptions, root, version string, guests bool) error {
	m := matrix{cells: o.cells}
	list := o.cells
	if len(list) == 0 {
		list = []cell{{logs: "all", wire: true}}
	}
	for _, c := range list {
		if err := act(ctx, r, o, root, version, guests, c, &m); err != nil {
			return err
		}
	}
	m.print(r, fmt.Sprintf("Asterisk %s, guests %t", version, guests))
	return nil
}
