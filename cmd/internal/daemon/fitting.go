package daemon

import (
	"pbxjail/configs"
	"pbxjail/jails/book"
)

// fitting is the main file with no more addresses than fit into memory: a daemon that the
// kernel kills for its memory bans no address.
func (d *Daemon) fitting(main *configs.Main) *configs.Main {
	if d.opts.MaxAddresses <= 0 || d.opts.MaxAddresses >= main.MaxAddresses {
		return main
	}
	d.log.Info("pbxjail remembers fewer addresses than max_addresses, because the memory limit of its service is too small",
		"max_addresses", main.MaxAddresses, "remembered", d.opts.MaxAddresses, "hint", "on a small PBX this is no problem. To remember more: systemctl edit pbxjail; write a larger MemoryMax below [Service]; then: systemctl restart pbxjail")
	small := *main
	small.MaxAddresses = d.opts.MaxAddresses
	return &small
}

// maxBans is how many bans fit into memory.
func (d *Daemon) maxBans() int {
	if n := d.opts.MaxAddresses; n > 0 {
		return min(n, book.MaxBans)
	}
	return book.MaxBans
}
