# One member that loses patience alone stops nobody, and nobody follows it.

> cluster 4
> timeout 3
> deliver
ViewChange v1 stable 0 prepared by 3 -> 0 1 2
> propose 0 a
height 1, view 0
> deliver
PrePrepare v0 h1 2141fead x1 by 0 -> 1 2 3
Prepare v0 h1 2141fead by 1 -> 0 2 3
Prepare v0 h1 2141fead by 2 -> 0 1 3
Commit v0 h1 2141fead by 2 -> 0 1 3
Commit v0 h1 2141fead by 0 -> 1 2 3
Commit v0 h1 2141fead by 1 -> 0 2 3
HeaderVote h1 6727fa33 by 1 -> 0 2 3
HeaderVote h1 6727fa33 by 0 -> 1 2 3
HeaderVote h1 6727fa33 by 2 -> 0 1 3
> show
0: view 0, certified 1, chain [a]
1: view 0, certified 1, chain [a]
2: view 0, certified 1, chain [a]
3: view 1 (waiting), certified 1, chain empty

# A second doubter is enough (f + 1 = 2): everybody comes along, and the lone one is back.
> timeout 2
> deliver
ViewChange v1 stable 1 prepared by 2 -> 0 1 3
ViewChange v1 stable 1 prepared by 0 -> 1 2 3
ViewChange v1 stable 1 prepared by 1 -> 0 2 3
NewView v1 from 3 re-proposes 0 by 1 -> 0 2 3 0
> show
0: view 1, certified 1, chain [a]
1: view 1, certified 1, chain [a]
2: view 1, certified 1, chain [a]
3: view 1, certified 1, chain empty
