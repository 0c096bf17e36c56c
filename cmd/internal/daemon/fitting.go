package daemon

import "pbxjail/configs"

// fitting is the main file with no more addresses than fit into memory: a daemon that the
// kernel kills for its memory bans no address.
func (d *Daemon) fitting(main *configs.Main) *configs.Main {
	if d.opts.MaxAddresses <= 0 || d.opts.MaxAddresses >= main.MaxAddresses {
		return main
	}
	d.log.Info("fewer addresses are remembered than max_addresses: more do not fit into the memory limit of this service",
		"max_addresses", main.MaxAddresses, "remembered", d.opts.MaxAddresses)
	small := *main
	small.MaxAddresses = d.opts.MaxAddresses
	return &small
}
