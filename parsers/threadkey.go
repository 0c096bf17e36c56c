package parsers

import (
	"bytes"
	"encoding/binary"
)

// threadKey is the thread of a record and the file it wrote for: 0 where the record
// names none, or a number that was dialled. The low half is the thread.
func threadKey(r *record) uint64 {
	if !r.keyed {
		r.key, r.keyed = readThreadKey(r), true
	}
	return r.key
}

func readThreadKey(r *record) uint64 {
	if len(r.lwp) == 0 || len(r.lwp) > 10 || bytes.HasPrefix(r.file, []byte("Ext. ")) {
		return 0
	}
	lwp := uint64(0)
	for _, c := range r.lwp {
		if c < '0' || c > '9' {
			return 0
		}
		lwp = lwp*10 + uint64(c-'0')
	}
	if lwp == 0 || lwp > 1<<31 {
		return 0
	}
	file := r.file
	switch {
	case isCallRecord(r):
		return uint64(hashOf(r.call)|forCall)<<32 | lwp
	case bytes.HasPrefix(file, pjsipFiles): // one pool of threads writes for all of them
		file = pjsipFiles
	}
	return uint64(hashOf(file)&^forCall)<<32 | lwp
}

// hashOf mixes eight bytes at once, as it is asked for each record.
func hashOf(name []byte) uint32 {
	const odd = 0x9e3779b97f4a7c15
	h := uint64(len(name)) * odd
	for ; len(name) >= 8; name = name[8:] {
		h = (h ^ binary.LittleEndian.Uint64(name)) * odd
		h ^= h >> 29
	}
	last := uint64(0)
	for i, c := range name {
		last |= uint64(c) << (8 * i)
	}
	h = (h ^ last) * odd
	return uint32(h >> 32)
}

// forCall marks the key of a call's thread: it names the call in place of a file.
const forCall = 1 << 31

func keyClass(key uint64) class {
	if uint32(key>>32)&forCall != 0 {
		return ofCall
	}
	return ofFile
}

// isCallRecord reports whether a record belongs to a call, and its thread may be the
// call's own: such a thread writes for many files, and each of its records begins where
// a record begins.
func isCallRecord(r *record) bool { return len(r.call) > 0 && !isRead(r) && !ownThreads(r.file) }

// pjsipFiles is what the names of all source files of res_pjsip begin with.
var pjsipFiles = []byte("res_pjsip")

// isSteady reports whether the thread of a record serves its file for long, so that it
// is one of few, or a call, so that it is one of the latest.
func isSteady(r *record) bool {
	if len(r.call) > 0 {
		return isCallRecord(r)
	}
	switch string(r.file) {
	case "chan_sip.c", "chan_iax2.c", "res_security_log.c":
		return true
	}
	return bytes.HasPrefix(r.file, pjsipFiles)
}
