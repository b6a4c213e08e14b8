# A developer's laptop: one member commits and certifies alone.

> cluster 1
> propose 0 a
height 1, view 0
> wait 5
> propose 0 b
height 2, view 0
> show
0: view 0, certified 2, chain [a] [b]
