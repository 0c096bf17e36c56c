package ami

// guard is a filter of events (action Filter) that lets an event pass only if it is lines of
// "Key: value" and one empty line at its end. Asterisk compares it with the whole event,
// before the event is sent. So a packet that arrives is one event, and a caller that writes an
// empty line into a field gets no event at all.
//
// It is a POSIX extended expression (asterisk:main/manager.c, manager_add_filter), and an
// action cannot hold CR or LF. So values are written as "anything but CR, LF", with ranges
// that leave these two out, and line ends as two control bytes. No other part of the
// expression takes a CR or an LF. An empty line inside would be four control bytes in a row,
// which only the end of the expression has.
const guard = "^([^[:cntrl:]:]+:([\x01-\x09\x0b\x0c\x0e-\x7f]|[^\x01-\x7f])*[[:cntrl:]]{2})+[[:cntrl:]]{2}$"
