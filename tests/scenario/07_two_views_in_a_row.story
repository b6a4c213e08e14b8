# Seven members (f = 2). The primaries of views 0 and 1 are dead; view 2 carries on what view 0 had prepared.

> cluster 7
> lose Commit
> propose 0 a
height 1, view 0
> deliver
PrePrepare v0 h1 2141fead x1 by 0 -> 1 2 3 4 5 6
Prepare v0 h1 2141fead by 1 -> 0 2 3 4 5 6
Prepare v0 h1 2141fead by 2 -> 0 1 3 4 5 6
Prepare v0 h1 2141fead by 3 -> 0 1 2 4 5 6
Prepare v0 h1 2141fead by 4 -> 0 1 2 3 5 6
Prepare v0 h1 2141fead by 5 -> 0 1 2 3 4 6
Prepare v0 h1 2141fead by 6 -> 0 1 2 3 4 5
> down 0
> down 1
> heal
> timeout 2
> timeout 3
> timeout 4
> deliver
ViewChange v1 stable 0 prepared 1@v0 by 2 -> 3 4 5 6
ViewChange v1 stable 0 prepared 1@v0 by 3 -> 2 4 5 6
ViewChange v1 stable 0 prepared 1@v0 by 4 -> 2 3 5 6
ViewChange v1 stable 0 prepared 1@v0 by 5 -> 2 3 4 6
ViewChange v1 stable 0 prepared 1@v0 by 6 -> 2 3 4 5
> show
0 (down): view 0, certified 0, chain empty
1 (down): view 0, certified 0, chain empty
2: view 1 (waiting), certified 0, chain empty
3: view 1 (waiting), certified 0, chain empty
4: view 1 (waiting), certified 0, chain empty
5: view 1 (waiting), certified 0, chain empty
6: view 1 (waiting), certified 0, chain empty
> timeout 2
> timeout 3
> timeout 4
> deliver
ViewChange v2 stable 0 prepared 1@v0 by 2 -> 3 4 5 6
ViewChange v2 stable 0 prepared 1@v0 by 3 -> 2 4 5 6
ViewChange v2 stable 0 prepared 1@v0 by 4 -> 2 3 5 6
ViewChange v2 stable 0 prepared 1@v0 by 5 -> 2 3 4 6
ViewChange v2 stable 0 prepared 1@v0 by 6 -> 2 3 4 5
NewView v2 from 5 re-proposes 1 by 2 -> 3 4 5 6
Prepare v2 h1 2141fead by 3 -> 2 4 5 6
Prepare v2 h1 2141fead by 4 -> 2 3 5 6
Prepare v2 h1 2141fead by 5 -> 2 3 4 6
Prepare v2 h1 2141fead by 6 -> 2 3 4 5
Commit v2 h1 2141fead by 6 -> 2 3 4 5
Commit v2 h1 2141fead by 2 -> 3 4 5 6
Commit v2 h1 2141fead by 3 -> 2 4 5 6
Commit v2 h1 2141fead by 4 -> 2 3 5 6
Commit v2 h1 2141fead by 5 -> 2 3 4 6
HeaderVote h1 31f50e5b by 5 -> 2 3 4 6
HeaderVote h1 31f50e5b by 2 -> 3 4 5 6
HeaderVote h1 31f50e5b by 3 -> 2 4 5 6
HeaderVote h1 31f50e5b by 4 -> 2 3 5 6
HeaderVote h1 31f50e5b by 6 -> 2 3 4 5
> show
0 (down): view 0, certified 0, chain empty
1 (down): view 0, certified 0, chain empty
2: view 2, certified 1, chain [a]
3: view 2, certified 1, chain [a]
4: view 2, certified 1, chain [a]
5: view 2, certified 1, chain [a]
6: view 2, certified 1, chain [a]
