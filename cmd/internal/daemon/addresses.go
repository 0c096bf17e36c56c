package daemon

import (
	"context"
	"net/netip"
	"time"

	"pbxjail/cmd/internal/host"
	"pbxjail/configs/show"
)

// fewFilesHint is what to do when a socket to the kernel cannot be opened.
const fewFilesHint = "if the error is about too many open files: systemctl edit pbxjail; write below [Service]: LimitNOFILE=65536. In any case: systemctl restart pbxjail"

// ours finds own addresses at the moment of a ban: what followAddresses reads may be half a
// second old, and a line about a new address may come sooner.
func (d *Daemon) ours() func(netip.Prefix) (netip.Addr, bool) {
	own, err := host.NewOwn()
	if err != nil {
		d.log.Warn("pbxjail reads the addresses of this machine only every "+show.Duration(guardEvery)+". If you add an address to this machine, it may be banned before this time is over", "err", err, "hint", fewFilesHint)
		return nil
	}
	d.own = own
	return own.In
}

// addressPause is how far apart two looks at our own addresses are at least: a router
// that learns its routes from others changes them all the time.
const addressPause = 500 * time.Millisecond

// followAddresses protects a new own address, or a new router, as soon as the kernel has
// it: keepalived may bring one at any time. Where the kernel reports nothing, the
// check every guardEvery finds it.
func (d *Daemon) followAddresses(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := host.Watch(ctx, func() {
			select {
			case wake <- struct{}{}:
			default: // one look finds both
			}
		})
		if err != nil {
			d.log.Warn("the kernel does not report new addresses of this machine, so pbxjail reads them every "+show.Duration(guardEvery)+". If you add an address to this machine, it may be banned before this time is over", "err", err, "hint", fewFilesHint)
		}
	}()
	defer func() { <-ended }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
			d.upkeep.follow()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(addressPause):
		}
	}
}
