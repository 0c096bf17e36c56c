package ami

// guard is a filter of events (action Filter) that lets an event pass only if it is lines of
// "Key: value" and one empty line at its end. Asterisk compares it with the whole event,
// before the event is sent. So an event that arrives is one event, and a caller that writes an
// empty line into a field gets no event at all.
//
// Asterisk compares it with events only. The answer to an action goes around it: in a list of
// channels, an empty line in the number of a caller splits a part of the list, and what follows
// can look like any event, without our ActionID. Asterisk writes a list in one piece, because one
// thread answers the actions of a connection and sends its events (asterisk:main/manager.c,
// session_do). So from the first packet of a list to its last one (ends), packets that do not have
// our ActionID count as not guarded, and no true event is lost by that.
//
// It is a POSIX extended expression (asterisk:main/manager.c, manager_add_filter), and an
// action cannot hold CR or LF. So values are written as "anything but CR, LF", with ranges
// that leave these two out, and line ends as two control bytes. No other part of the
// expression takes a CR or an LF. An empty line inside would be four control bytes in a row,
// which only the end of the expression has.
const guard = "^([^[:cntrl:]:]+:([\x01-\x09\x0b\x0c\x0e-\x7f]|[^\x01-\x7f])*[[:cntrl:]]{2})+[[:cntrl:]]{2}$"
