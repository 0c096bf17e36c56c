// Package witness compares what logs report with the packets: it asks the sets that the
// kernel fills (Heard) and the sensor on the wire (Wire). It says of a record whether its
// address sent anything, and whether the wire saw what the record reports.
//
// The judge calls it for each record, and the answer decides how many points the record
// counts. It also names the witness of an attempt (Witness), so that what several logs
// report counts once. A Gate is pure and bounded, and not safe for concurrent use. It must
// never decide on a ban, and never believe a log in place of packets.
package witness
