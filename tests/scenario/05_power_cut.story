# All members restart between Prepare and Commit: the batch is neither lost nor replaced.

> cluster 4
> lose Commit
> propose 0 a
height 1, view 0
> deliver
PrePrepare v0 h1 2141fead x1 by 0 -> 1 2 3
Prepare v0 h1 2141fead by 1 -> 0 2 3
Prepare v0 h1 2141fead by 2 -> 0 1 3
Prepare v0 h1 2141fead by 3 -> 0 1 2
> restart 0
> restart 1
> restart 2
> restart 3
> heal
> status
> deliver
Status v0 executed 0 stable 0 by 0 -> 1 2 3
Status v0 executed 0 stable 0 by 1 -> 0 2 3
Status v0 executed 0 stable 0 by 2 -> 0 1 3
Status v0 executed 0 stable 0 by 3 -> 0 1 2
Commit v0 h1 2141fead by 1 -> 0 2 3
Commit v0 h1 2141fead by 2 -> 0 1 3
Commit v0 h1 2141fead by 3 -> 0 1 2
Commit v0 h1 2141fead by 0 -> 1 2 3
HeaderVote h1 6727fa33 by 0 -> 1 2 3
HeaderVote h1 6727fa33 by 1 -> 0 2 3
HeaderVote h1 6727fa33 by 2 -> 0 1 3
HeaderVote h1 6727fa33 by 3 -> 0 1 2
> show
0: view 0, certified 1, chain [a]
1: view 0, certified 1, chain [a]
2: view 0, certified 1, chain [a]
3: view 0, certified 1, chain [a]
