// Package kernel holds what the enforcers share: netlink to ipset, nftables, conntrack and
// sockets, and what a member of a set is. Packages ipset, nft and xtables call it, and
// package actions. It starts no program, keeps no bans of its own, and decides nothing:
// it must never see log text.
package kernel
