package daemon

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
	"pbxjail/jails/book"
)

// bansAtOnce is how many bans are copied while the warden is held up.
const bansAtOnce = 256

// dropped is what the kernel counted for a prefix.
type dropped struct{ packets, bytes uint64 }

// eachBan sends the live bans that are asked for, with what the kernel counted. It keeps a
// key of each ban, and never all of them.
func (b *backend) eachBan(q control.BansRequest, send func(*control.Ban) error) error {
	now, counts := time.Now(), b.counts()
	by, backwards := q.By()
	keys := b.banKeys(q, by, counts, now)
	slices.SortFunc(keys, func(x, y banKey) int {
		if backwards {
			x, y = y, x
		}
		return cmp.Or(cmp.Compare(x.value, y.value), x.prefix.Compare(y.prefix))
	})
	type held struct {
		ban     book.Ban
		pending bool
	}
	var few []netip.Prefix
	var copies []held
	for part := range slices.Chunk(keys, bansAtOnce) {
		few, copies = few[:0], copies[:0]
		for _, k := range part {
			few = append(few, k.prefix)
		}
		b.warden.BansOf(few, now, func(ban *book.Ban, pending bool) { copies = append(copies, held{*ban, pending}) })
		for i := range copies {
			c := b.shown(&copies[i].ban, copies[i].pending, now)
			c.Packets, c.Bytes = counts[c.Prefix].packets, counts[c.Prefix].bytes
			if !q.Fits(&c, now) {
				continue
			}
			if err := send(&c); err != nil {
				return err
			}
		}
	}
	return nil
}

// counts are what the kernel counted, of the prefixes that sent anything.
func (b *backend) counts() map[netip.Prefix]dropped {
	counts := map[netip.Prefix]dropped{}
	err := b.enforcer.Each(func(h ports.Held) {
		if h.Packets == 0 {
			return
		}
		c := counts[h.Prefix]
		counts[h.Prefix] = dropped{c.packets + h.Packets, c.bytes + h.Bytes}
	})
	if err != nil {
		b.log.Error("cannot read from the firewall how many packets were dropped, so jailctl shows too few packets. Bans are not affected", "err", err, "hint", cmp.Or(hint.Of(err), countHint))
	}
	return counts
}

// banKey is a ban, and what it is sorted by.
type banKey struct {
	prefix netip.Prefix
	value  int64
}

// banKeys are the keys of the bans that may be asked for.
func (b *backend) banKeys(q control.BansRequest, by string, counts map[netip.Prefix]dropped, now time.Time) (keys []banKey) {
	jails := map[string]int64{}
	b.warden.EachBan(now, func(ban *book.Ban, n int) {
		if keys == nil {
			keys = make([]banKey, 0, n)
		}
		if q.Jail != "" && q.Jail != ban.Jail || q.Since > 0 && now.Sub(ban.Since) > q.Since {
			return
		}
		k := banKey{prefix: ban.Prefix}
		switch by {
		case "since":
			k.value = ban.Since.UnixNano()
		case "strikes":
			k.value = int64(ban.Strike)
		case "left":
			if k.value = math.MaxInt64; !ban.Until.IsZero() {
				k.value = ban.Until.UnixNano()
			}
		case "jail":
			if _, known := jails[ban.Jail]; !known {
				jails[ban.Jail] = int64(len(jails))
			}
			k.value = jails[ban.Jail]
		}
		keys = append(keys, k)
	})
	ranks := rank(jails)
	for i := range keys { // without the lock of the warden
		switch k := &keys[i]; by {
		case "jail":
			k.value = ranks[k.value]
		case "packets":
			k.value = int64(counts[k.prefix].packets)
		case "country":
			for _, letter := range []byte(b.places.Place(k.prefix.Addr()).Country) {
				k.value = k.value<<8 | int64(letter)
			}
		}
	}
	return keys
}

// rank is the place of each number when the names are sorted.
func rank(names map[string]int64) map[int64]int64 {
	var sorted []string
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	ranks := map[int64]int64{}
	for i, name := range sorted {
		ranks[names[name]] = int64(i)
	}
	return ranks
}
