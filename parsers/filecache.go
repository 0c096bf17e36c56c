package parsers

import "bytes"

// fileFacts is what the name of a source file means for its records.
type fileFacts struct {
	name     []byte
	hash     uint32 // as it is in the key of a thread
	read     bool   // there are rules for its records
	security bool   // it writes the security events
	own      bool   // ownThreads
	steady   bool   // isSteady, of a record that belongs to no call
	talks    bool   // its VERBOSE records mean something
	dumps    bool   // its records may say how long they are
	dialplan bool   // it names a number that was dialled, and no file
}

// fileCache remembers what names of source files mean. A log has a few dozen of them. A caller
// may make up others, where a dialplan writes the log, so its size is fixed, and each name has
// one place.
type fileCache struct {
	facts [fileCacheSize]fileFacts
}

const (
	fileCacheSize = 64
	// longFile is the longest name that is remembered.
	longFile = 64
)

func (c *fileCache) get(name []byte) *fileFacts {
	hash := hashOf(name)
	f := &c.facts[hash>>8%fileCacheSize]
	if len(f.name) > 0 && bytes.Equal(f.name, name) {
		return f
	}
	r := record{file: name, level: levelNotice}
	*f = fileFacts{
		name: append(f.name[:0], name[:min(len(name), longFile)]...), hash: hash &^ forCall,
		read: isRead(&r), security: string(name) == "res_security_log.c", own: ownThreads(name), steady: isSteady(&r),
		talks: string(name) == "manager.c" || string(name) == "chan_iax2.c", dumps: string(name) == "pjproject",
		dialplan: bytes.HasPrefix(name, dialplanFiles),
	}
	if bytes.HasPrefix(name, pjsipFiles) { // one pool of threads writes for all of them
		f.hash = hashOf(pjsipFiles) &^ forCall
	}
	if len(name) > longFile {
		f.name = f.name[:0] // what is remembered is not the name
	}
	return f
}

var dialplanFiles = []byte("Ext. ")
