package witness

// Grade is what the witnesses of packets say of a record.
type Grade uint8

const (
	Ungated Grade = iota // they are not asked: there are none, or no guarded port belongs to the record
	Unsure               // they cannot tell
	Sent                 // the address sent packets
	Seen                 // the wire saw what the record reports
	Retold               // the wire saw it, and the same log has reported it already
	Absent               // nothing came from the address, or not what the record reports
)

var gradeWords = [...]string{"", "cannot tell", "heard", "wire", "seen before", "forged"}

// String is the word that a line of evidence has for it.
func (g Grade) String() string { return gradeWords[g] }
