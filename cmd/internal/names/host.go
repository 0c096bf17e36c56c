package names

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// Host looks up the addresses of a name that an admin wrote on a command line, to show
// them. It asks once and remembers nothing. No name of a log may be given to it.
func Host(ctx context.Context, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil, fmt.Errorf("cannot look up %q: %w", name, err)
	}
	for i := range list {
		list[i] = list[i].Unmap()
	}
	return list[:min(len(list), maxAddrs)], nil
}
