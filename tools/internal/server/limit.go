package server

import (
	"net/netip"
	"sync"
	"time"
)

// A Rate is how often something may happen: so many times a second in the long run, 0.001 to a million, and Burst times at
// once, as many as there are in a day at the most. The zero value sets no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// interval is the time that one event takes, span what a whole burst does.
func (r Rate) interval() time.Duration { return time.Duration(float64(time.Second) / r.PerSecond) }
func (r Rate) span() time.Duration     { return time.Duration(r.Burst) * r.interval() }

// next applies the generic cell rate algorithm (ITU-T I.371, virtual scheduling). Due is when the events so far are
// paid for; next returns the same with one more event, or how long that one would have to wait.
func (r Rate) next(due, now time.Time) (time.Time, time.Duration) {
	if due.Before(now) {
		due = now
	}
	due = due.Add(r.interval())
	if wait := due.Sub(now) - r.span(); wait > 0 {
		return time.Time{}, wait
	}
	return due, 0
}

// A Limiter limits questions by client and altogether, in bounded memory: it knows the maxClients/2 to maxClients clients
// that asked last. One that is forgotten may ask a full burst again; whoever has that many addresses has as many bursts
// anyway. It is safe for concurrent use: a lock that is held for a look into a map is nothing beside an evaluation.
type Limiter struct {
	client, all Rate

	mu             sync.Mutex
	due            time.Time // of all together
	recent, before map[netip.Prefix]time.Time
	turned         time.Time // when recent became empty
}

// maxClients of about 100 bytes each.
const maxClients = 1 << 18

// NewLimiter returns a Limiter with a rate for each client and one for all together.
func NewLimiter(client, all Rate) *Limiter {
	return &Limiter{client: client, all: all, recent: make(map[netip.Prefix]time.Time)}
}

// Take counts a question by a client at a time. If that is one too many, it is not counted, and wait says when to ask
// again.
func (l *Limiter) Take(client netip.Prefix, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var own, due time.Time
	if l.client.PerSecond > 0 {
		if own, wait = l.client.next(l.paid(client, now), now); wait > 0 {
			return wait
		}
	}
	if l.all.PerSecond > 0 {
		if due, wait = l.all.next(l.due, now); wait > 0 {
			return wait
		}
		l.due = due
	}
	if l.client.PerSecond > 0 {
		l.recent[client] = own
	}
	return 0
}

// paid returns when the client's questions are paid for. Two maps take turns, so that the clients which have not asked
// for the longest time are forgotten at once: when there are too many, or when all of them are paid for.
func (l *Limiter) paid(client netip.Prefix, now time.Time) time.Time {
	if len(l.recent) >= maxClients/2 || now.Sub(l.turned) > l.client.span() {
		l.recent, l.before, l.turned = make(map[netip.Prefix]time.Time), l.recent, now
	}
	if due, ok := l.recent[client]; ok {
		return due
	}
	return l.before[client]
}
