package server

import "runtime"

// queued is how many questions may wait for each processor: at two milliseconds for the largest, an eighth of a second.
const queued = 64

// A gate lets as many evaluations run at once as there are processors, and some wait in order. More would answer all of
// them later, and hold more memory.
type gate struct{ inside, working chan struct{} }

func newGate() gate {
	n := runtime.GOMAXPROCS(0)
	return gate{make(chan struct{}, n*(1+queued)), make(chan struct{}, n)}
}

// enter waits for a turn, and reports false at once if too many do; else leave must follow.
func (g gate) enter() bool {
	select {
	case g.inside <- struct{}{}:
		g.working <- struct{}{}
		return true
	default:
		return false
	}
}

func (g gate) leave() {
	<-g.working
	<-g.inside
}
