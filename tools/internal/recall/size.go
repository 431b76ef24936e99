package recall

import (
	"math/rand/v2"
	"time"

	"github.com/preseal/preseal/matcher/snapshot"
)

// A filter is what a lane costs with a number of probes.
type filter struct {
	bytes float64 // per image
	error float64 // per probe
}

// build makes a snapshot of one lane with the defaults, to see what it costs.
func (l Lane) build(probes int) (filter, error) {
	const entries = 30_000
	kind := l.kind(probes)
	lane := snapshot.LaneKeys{Lane: snapshot.PHash, Probes: probes}
	size := 8
	if kind != pHash {
		lane.Lane, lane.KeyBits, size = snapshot.PDQ, int(kind), 32
	}
	chance := rand.NewChaCha8([32]byte{})
	lane.Hashes = make([]byte, size*entries)
	chance.Read(lane.Hashes)
	now := time.Unix(0, 0)
	file, m, err := snapshot.Build(snapshot.Spec{
		Origin: "bench", Version: 1, Published: now, Expires: now.Add(time.Hour), Lanes: []snapshot.LaneKeys{lane},
	})
	if err != nil {
		return filter{}, err
	}
	return filter{float64(len(file)) / entries * float64(1+len(l.further)), m.Lanes[0].Error}, nil
}

// buildAll fills in the filters of all lanes and numbers of probes.
func (r *Result) buildAll() (err error) {
	r.filters = map[string]map[int]filter{}
	for _, lane := range r.Lanes {
		r.filters[lane.Name] = map[int]filter{}
		for _, t := range Probes {
			if r.filters[lane.Name][t], err = lane.build(t); err != nil {
				return err
			}
		}
	}
	for _, lane := range r.Augmented {
		r.filters[lane.Name] = map[int]filter{}
		for _, t := range furtherProbes {
			if r.filters[lane.Name][t], err = lane.build(t); err != nil {
				return err
			}
		}
	}
	return nil
}
